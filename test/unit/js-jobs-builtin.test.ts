import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BUILTIN_TWINS } from '../../lib/backend/js/jobs/builtin'
import { crc32c } from '../../lib/backend/js/jobs/builtin-digests'
import { NativeFailure } from '../../lib/backend/js/jobs/builtin-twin'
import { ALL, NativeJob, RequestReader, RequestWriter } from '../../lib/backend/builtin-jobs'
import { errnoNumber } from '../../lib/errors'

const never = () => false
const always = () => true

async function run(name: string, request: Uint8Array, stopped = never) {
  return (BUILTIN_TWINS.get(name) as NonNullable<ReturnType<typeof BUILTIN_TWINS.get>>)(request, stopped)
}

async function errnoOf(name: string, request: Uint8Array, stopped = never): Promise<number> {
  const failed: unknown = await run(name, request, stopped).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(NativeFailure)
  return (failed as NativeFailure).errno
}

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe('requests to native jobs', () => {
  it('are read as they were written', () => {
    const request = new RequestWriter().text('a/ü').number(-1).large(ALL).text('').rest(bytesOf('xyz')).take()
    const reader = new RequestReader(request)
    expect([reader.text(), reader.number() | 0, reader.large(), reader.text()]).toEqual(['a/ü', -1, ALL, ''])
    expect(reader.rest()).toEqual(bytesOf('xyz'))
    expect(reader.ok).toBe(true)
  })

  it.each([
    ['a number that is cut off', new Uint8Array(3), (reader: RequestReader) => reader.number()],
    [
      'a large one that is no number',
      new RequestWriter().large(Number.NaN).take(),
      (reader: RequestReader) => reader.large(),
    ],
    [
      'a large one that is negative',
      new RequestWriter().large(-1).take(),
      (reader: RequestReader) => reader.large(),
    ],
    [
      'a large one that is not whole',
      new RequestWriter().large(1.5).take(),
      (reader: RequestReader) => reader.large(),
    ],
    [
      'a text without its NUL',
      new RequestWriter().number(2).rest(bytesOf('ab')).take(),
      (reader: RequestReader) => reader.text(),
    ],
    [
      'a text with a NUL inside',
      new RequestWriter().text('a\0b').take(),
      (reader: RequestReader) => reader.text(),
    ],
    [
      'a text that is too long',
      new RequestWriter().number(9).rest(bytesOf('a\0')).take(),
      (reader: RequestReader) => reader.text(),
    ],
    ['a text of no bytes', new RequestWriter().number(0).take(), (reader: RequestReader) => reader.text()],
  ])('are refused with %s', (_, request, read) => {
    const reader = new RequestReader(request)
    read(reader)
    expect(reader.ok).toBe(false)
    expect([reader.number(), reader.large(), reader.text(), reader.rest().length]).toEqual([0, 0, '', 0])
  })

  it('that make no sense are EINVAL, and nothing else comes out of any bytes', async () => {
    const names = [...BUILTIN_TWINS.keys()].filter((name) => !/nothing|write|lookup/.test(name))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.uint8Array({ maxLength: 40 }), async (name, bytes) => {
        const failed: unknown = await run(name, bytes).then(
          () => undefined,
          (error: unknown) => error,
        )
        if (failed === undefined) return
        expect(failed).toBeInstanceOf(NativeFailure)
        expect((failed as NativeFailure).errno).toBeLessThan(0)
      }),
    )
  })

  it.each([...BUILTIN_TWINS.keys()].filter((name) => name !== NativeJob.NOTHING))(
    '%s refuses an empty one',
    async (name) => {
      expect(await errnoOf(name, new Uint8Array())).toBe(-errnoNumber('EINVAL'))
    },
  )
})

describe('twins of native jobs', () => {
  it('stop between two pieces when the job is asked to', async () => {
    const canceled = -errnoNumber('ECANCELED')
    const bytes = bytesOf('x')
    const read = new RequestWriter().text('/dev/zero').large(0).large(ALL).large(1000).take()
    expect(await errnoOf(NativeJob.FILE_READ, read, always)).toBe(canceled)
    expect(await errnoOf(NativeJob.CRC32C, new RequestWriter().number(0).rest(bytes).take(), always)).toBe(
      canceled,
    )
    const digest = new RequestWriter().text('sha256').rest(bytes).take()
    expect(await errnoOf(NativeJob.DIGEST, digest, always)).toBe(canceled)
    const deflate = new RequestWriter().number(0).number(-1).rest(bytes).take()
    expect(await errnoOf(NativeJob.DEFLATE, deflate, always)).toBe(canceled)
  })

  it('compute CRC-32C as its definition says, in any pieces', () => {
    const byDefinition = (bytes: Uint8Array) => {
      let crc = -1
      for (const byte of bytes) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
      }
      return ~crc >>> 0
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
        expect(crc32c(crc32c(0, bytes.subarray(0, at)), bytes.subarray(at))).toBe(byDefinition(bytes))
      }),
    )
  })
})
