import { describe, expect, it } from 'vitest'
import type { SharedKey } from '../../lib'
import { codeOf, openMap } from './shared-harness'

const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => (i * 31 + (i >>> 8)) & 255)

const KEYS: readonly (readonly [string, SharedKey])[] = [
  ['the empty text', ''],
  ['NUL', '\u0000'],
  ['two NULs', '\u0000\u0000'],
  ['text of one unit', 'a'],
  ['the byte of it', new Uint8Array([97])],
  ['the empty bytes', new Uint8Array(0)],
  ['a NUL byte', new Uint8Array(1)],
  ['Latin text', 'å'],
  ['its UTF-8 as bytes', new TextEncoder().encode('å')],
  ['its units as text', '\u00c3\u00a5'],
  ['wide text', 'ő'],
  ['wide text with the bytes of narrow', '\u6161'],
  ['narrow text with the bytes of wide', 'aa'],
  ['a high surrogate', '\ud800'],
  ['a low surrogate', '\udc00'],
  ['both in the wrong order', '\udc00\ud800'],
  ['a pair', '\ud83d\ude00'],
  ['a replacement character', '\ufffd'],
  ['three units', 'abc'],
  ['three and a NUL', 'abc\u0000'],
  ['three bytes', new Uint8Array([97, 98, 99])],
  ['four bytes', new Uint8Array([97, 98, 99, 0])],
  ['long text', 'x'.repeat(65_535)],
  ['long wide text', 'ő'.repeat(32_767)],
  ['long bytes', bytes(65_535)],
]

const PLAIN: readonly (readonly [string, unknown])[] = [
  ['0', 0],
  ['-0', -0],
  ['1', 1],
  ['a fraction', 0.1],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['the largest integer', Number.MAX_SAFE_INTEGER],
  ['2^31', 2 ** 31],
  ['-2^31 - 1', -(2 ** 31) - 1],
  ['the smallest number', Number.MIN_VALUE],
  ['the largest number', Number.MAX_VALUE],
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
  ['the empty text', ''],
  ['NUL', '\u0000'],
  ['Latin text', 'blå'],
  ['wide text', 'kőr'],
  ['lone surrogates', '\udc00\ud800'],
  ['an emoji', '😀'],
  ['16 units', '0123456789abcdef'],
  ['17 units', '0123456789abcdefg'],
  ['100 KB of text', 'blå '.repeat(25_000)],
  ['100 KB of wide text', 'kőr '.repeat(25_000)],
]

const CLONED: readonly (readonly [string, unknown])[] = [
  ['an object', { a: 1, b: [true, null, undefined, 'x'] }],
  ['an array with holes', Object.assign(new Array(3), { 0: 1, 2: 3 })],
  ['a date', new Date(86_400_000)],
  ['a big integer', 2n ** 80n],
  ['a map', new Map<unknown, unknown>([[{ k: 1 }, new Set([1, 'b'])]])],
  ['a regular expression', /a+/gi],
  ['an error', new RangeError('too far')],
  ['a boxed number', Object(5)],
  ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
  ['other typed arrays', { f: new Float64Array([1.5, 2]), i: new Int16Array([-1]) }],
  ['bytes inside', { bytes: new Uint8Array([9, 8, 7]) }],
]

describe('keys of a shared map', () => {
  it('SM-09 are all different, and each finds its own value', async () => {
    const map = await openMap<number>()
    KEYS.forEach(([, key], i) => void map.set(key, i))
    expect(map.size).toBe(KEYS.length)
    KEYS.forEach(([name, key], i) => void expect(map.get(key), name).toBe(i))
    const found = [...map].sort((a, b) => a[1] - b[1])
    expect(found.map(([key]) => key)).toEqual(KEYS.map(([, key]) => key))
    for (const [name, key] of KEYS) expect([map.delete(key), map.has(key)], name).toEqual([true, false])
    expect(map.size).toBe(0)
  })

  it('SM-09 may be any view of bytes, and are copied', async () => {
    const map = await openMap<number>()
    const key = Buffer.from('xabcx').subarray(1, 4)
    map.set(key, 1)
    key.fill(0)
    expect(map.get(new Uint8Array([97, 98, 99]))).toBe(1)
    expect(map.has(key)).toBe(false)
  })

  it('SM-09 above 65,535 bytes are refused, and are never there', async () => {
    const map = await openMap<number>()
    for (const key of ['x'.repeat(65_536), 'ő'.repeat(32_768), new Uint8Array(65_536)]) {
      expect(await codeOf(() => map.set(key, 1))).toBe('ERR_KEY_TOO_LARGE')
      expect(await codeOf(() => map.increment(key))).toBe('ERR_KEY_TOO_LARGE')
      expect(await codeOf(() => map.compareAndSet(key, 1, 2))).toBe('ERR_KEY_TOO_LARGE')
      expect([map.get(key), map.has(key), map.delete(key), map.ttl(key)]).toEqual([
        undefined,
        false,
        false,
        undefined,
      ])
    }
    expect(map.size).toBe(0)
  })

  it.each([[1], [null], [undefined], [{}], [Symbol('k')], [['a']], [new ArrayBuffer(1)], [new Int8Array(1)]])(
    'SM-09 are text or bytes, not %o',
    async (key) => {
      const map = await openMap()
      const wrong = key as unknown as SharedKey
      const calls = [
        () => map.get(wrong),
        () => map.has(wrong),
        () => map.set(wrong, 1),
        () => map.delete(wrong),
        () => map.ttl(wrong),
        () => map.increment(wrong),
        () => map.compareAndSet(wrong, 1, 2),
        () => map.getOrInsert(wrong, 1),
      ]
      for (const call of calls) expect(await codeOf(call)).toBe('ERR_INVALID_ARGUMENT')
    },
  )
})

describe('values of a shared map', () => {
  it.each(PLAIN)('SM-09 pass as themselves: %s', async (_name, value) => {
    const map = await openMap()
    map.set('key', value)
    expect(map.get('key')).toBe(value)
    expect([...map]).toEqual([['key', value]])
    expect(map.has('key')).toBe(true)
  })

  it.each(CLONED)('SM-09 are cloned: %s', async (_name, value) => {
    const map = await openMap()
    map.set('key', value)
    const found = map.get('key')
    expect(found).toStrictEqual(value)
    if (typeof value === 'object') expect(found).not.toBe(value)
    expect([...map.values()]).toStrictEqual([value])
  })

  it.each([0, 1, 7, 8, 64, 65, 4096, 65_535, 65_536, 65_537, 100_000, 5_000_000])(
    'SM-09 are bytes: %i of them, a fresh copy each time',
    async (length) => {
      const map = await openMap<Uint8Array>()
      const value = bytes(length)
      const copy = value.slice()
      map.set('key', value)
      value.fill(1)
      const first = map.get('key') as Uint8Array
      expect(Buffer.compare(first, copy)).toBe(0)
      first.fill(2)
      const second = map.get('key') as Uint8Array
      expect(Buffer.compare(second, copy)).toBe(0)
      const walked = [...map.values()][0] as Uint8Array
      walked.fill(3)
      expect(Buffer.compare(map.get('key') as Uint8Array, copy)).toBe(0)
      expect(first.constructor).toBe(Uint8Array)
      expect(Buffer.compare(second, copy)).toBe(0)
    },
  )

  it('SM-09 keep nothing of what was read before', async () => {
    const map = await openMap<{ view: Uint8Array }>()
    map.set('a', { view: new Uint8Array([1, 1, 1, 1]) })
    map.set('b', { view: new Uint8Array([2, 2, 2, 2]) })
    const a = map.get('a') as { view: Uint8Array }
    map.get('b')
    expect([...a.view]).toEqual([1, 1, 1, 1])
  })

  it('SM-09 are as many bytes as there are, whatever an array says of itself', async () => {
    const map = await openMap<Uint8Array | string>()
    const all = new Uint8Array(5000).fill(7)
    for (const length of [1, 1e6]) {
      const liar = Object.defineProperty(all.slice(), 'length', { value: length })
      for (let i = 0; i < 20; i++) map.set(`neighbour ${i}`, 'v'.repeat(i))
      map.set('liar', liar).set(liar, 'found')
      expect(map.get('liar')).toEqual(all)
      expect(map.get(all)).toBe('found')
      expect(map.compareAndSet('liar', liar, all)).toBe(true)
      for (let i = 0; i < 20; i++) expect(map.get(`neighbour ${i}`)).toBe('v'.repeat(i))
      map.clear()
    }
  })

  it('SM-09 take a Buffer and bytes of shared memory as bytes', async () => {
    const map = await openMap<Uint8Array>()
    map.set('buffer', Buffer.from('blå'))
    map.set('shared', new Uint8Array(new SharedArrayBuffer(3)).fill(5))
    expect(map.get('buffer')).toStrictEqual(new Uint8Array(Buffer.from('blå')))
    expect(map.get('shared')).toStrictEqual(new Uint8Array([5, 5, 5]))
  })

  it('SM-09 that are undefined are there all the same', async () => {
    const map = await openMap<undefined>()
    map.set('key', undefined)
    expect([map.get('key'), map.has('key'), map.size]).toEqual([undefined, true, 1])
    expect(map.getOrInsertComputed('key', () => expect.fail('there is a value'))).toBe(undefined)
  })

  it.each([
    ['a function', () => {}],
    ['a symbol', Symbol('s')],
    ['a function inside', { deep: [() => {}] }],
    ['shared memory', new SharedArrayBuffer(8)],
    ['shared memory inside', { memory: new SharedArrayBuffer(8) }],
    ['a port', { port: new MessageChannel().port1 }],
    ['a promise', Promise.resolve()],
    ['a weak map', new WeakMap()],
  ])('SM-09 that cannot be cloned are refused, with the reason: %s', async (_name, value) => {
    const map = await openMap()
    map.set('key', 'before')
    expect(await codeOf(() => map.set('key', value))).toBe('ERR_INVALID_ARGUMENT')
    expect(() => map.set('key', value)).toThrow(expect.objectContaining({ cause: expect.any(Error) }))
    expect(map.get('key')).toBe('before')
  })

  it('SM-09 may run code while they are cloned, even of the same map', async () => {
    const map = await openMap()
    const value = {
      get nested() {
        map.set('inner', { own: 1 })
        return map.increment('count')
      },
    }
    map.set('outer', value)
    expect(map.get('outer')).toEqual({ nested: 1 })
    expect(map.get('inner')).toEqual({ own: 1 })
    const closing = {
      get end() {
        map.close()
        return 1
      },
    }
    expect(await codeOf(() => map.set('late', closing))).toBe('ERR_CLOSED')
  })
})
