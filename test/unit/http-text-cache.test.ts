import { describe, expect, it } from 'vitest'
import { TextCache } from '../../lib/http/text-cache'

const SLAB_BYTES = 4096
const ROOM = 64

function made(slots = 8): { slab: Buffer; cache: TextCache } {
  const slab = Buffer.from(new ArrayBuffer(SLAB_BYTES))
  return { slab, cache: new TextCache(slab, slots, ROOM) }
}

/** Bytes of a header value: no control bytes. */
function run(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = 0x80 + ((i * 37 + seed * 101) & 0x7f)
  return bytes
}

describe('LS-01 strings of byte runs', () => {
  it('are those of the bytes, at first and again, for every length and alignment', () => {
    const { slab, cache } = made()
    for (let length = 0; length <= ROOM + 9; length++) {
      for (const start of [0, 3, SLAB_BYTES - length]) {
        const bytes = run(length, length)
        bytes.copy(slab, start)
        const expected = bytes.toString('latin1')
        expect(cache.text(5, start, length)).toBe(expected)
        expect(cache.text(5, start, length)).toBe(expected)
        expect(cache.hashed(start, length)).toBe(expected)
        expect(cache.hashed(start, length)).toBe(expected)
      }
    }
  })

  it('differ where a single bit of any byte differs', () => {
    const { slab, cache } = made()
    for (let length = 1; length <= ROOM; length++) {
      run(length, 1).copy(slab)
      cache.text(0, 0, length)
      for (let i = 0; i < length; i++) {
        slab[i] = (slab[i] as number) ^ 1
        expect(cache.text(0, 0, length)).toBe(slab.toString('latin1', 0, length))
      }
    }
  })

  it('are right for bytes that form doubles which are not numbers', () => {
    const { slab, cache } = made()
    for (const fill of [0xff, 0x7f]) {
      slab.fill(fill, 0, 24)
      slab[23] = 0xff
      expect(cache.text(2, 0, 24)).toBe(slab.toString('latin1', 0, 24))
      slab[3] = 0x41
      expect(cache.text(2, 0, 24)).toBe(slab.toString('latin1', 0, 24))
    }
  })

  it('keep to their slots', () => {
    const { slab, cache } = made(2)
    slab.write('firstsecond', 'latin1')
    expect([cache.text(0, 0, 5), cache.text(1, 5, 6), cache.text(0, 0, 5)]).toEqual([
      'first',
      'second',
      'first',
    ])
    expect(cache.text(1, 0, 5)).toBe('first')
  })
})
