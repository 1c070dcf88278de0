import fc from 'fast-check'
import { deserialize, serialize } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { Decoder, Encoder, Posted } from '../../lib/jobq/codec'
import { packError, unpackError } from '../../lib/jobq/error-codec'

const SLAB = 1 << 16

/** Writes and reads, from the slab and from memory of its own. */
function there(value: unknown, encoder = new Encoder()): unknown[] {
  const length = encoder.encode(value)
  expect(length).toBeGreaterThanOrEqual(1)
  const own = encoder.bytes.buffer.slice(0, length) as ArrayBuffer
  const slab = Buffer.alloc(Math.max(SLAB, length + 100))
  encoder.bytes.copy(slab, 50, 0, length)
  const decoder = new Decoder(slab)
  const first = decoder.decode(50, length)
  const again = decoder.decode(50, length)
  slab.fill(0xff)
  return [first, again, decoder.decodeOwned(own)]
}

const plain = fc.oneof(
  fc.constant(undefined),
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 20 }),
  fc.uint8Array(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.date({ noInvalidDate: true }),
)
const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    plain,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.string({ maxLength: 10 }), tie('value'), { maxKeys: 6, noNullPrototype: true }),
    fc.array(fc.tuple(plain, tie('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
  ),
})).value

describe('values in bytes', () => {
  it('AS-12 are the same at the other end, whatever they are', () => {
    const encoder = new Encoder()
    fc.assert(
      fc.property(anything, (value) => {
        for (const back of there(value, encoder)) expect(back).toStrictEqual(value)
      }),
      { numRuns: 500 },
    )
  })

  it('AS-12 objects of one shape in turn with others', () => {
    const encoder = new Encoder()
    for (let n = 0; n < 40; n++) {
      const value = { [`name${n % 11}`]: n, b: { c: `${n}`, d: [n, n + 0.5] } }
      for (const back of there(value, encoder)) expect(back).toStrictEqual(value)
    }
  })

  it('AS-12 names that mean something to objects', () => {
    const value = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2, "toString": 3, "0": 4}')
    for (const back of there(value)) {
      expect(back).toStrictEqual(value)
      expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
      expect((back as { polluted?: number }).polluted).toBe(undefined)
    }
  })

  it('AS-12 bytes have memory of their own', () => {
    const slab = Buffer.alloc(SLAB)
    const encoder = new Encoder()
    const length = encoder.encode([new Uint8Array([1, 2]), Buffer.from([3])])
    encoder.bytes.copy(slab, 0, 0, length)
    const [bytes, buffer] = new Decoder(slab).decode(0, length) as [Uint8Array, Buffer]
    slab.fill(9)
    expect([...bytes, ...buffer]).toEqual([1, 2, 3])
    expect(bytes.buffer.byteLength).toBe(2)
  })

  it.each([
    ['shared memory', new SharedArrayBuffer(8)],
    ['views of it', { deep: [new Int32Array(new SharedArrayBuffer(8))] }],
    ['bytes of it', new Uint8Array(new SharedArrayBuffer(8))],
    ['ports', new Map([[1, new MessageChannel().port1]])],
  ])('AS-12 %s go another way', (_, value) => expect(new Encoder().encode(value)).toBe(-1))

  it('AS-12 the way of a value that is posted', () => {
    const encoder = new Encoder()
    const length = encoder.posted(new Posted(3, 77))
    expect(new Decoder(encoder.bytes).decode(0, length)).toEqual(new Posted(3, 77))
  })

  it('AS-12 hostile bytes are refused, and nothing else happens', () => {
    const refused = (bytes: Uint8Array): void => {
      const decoder = new Decoder(Buffer.from(bytes))
      try {
        decoder.decode(0, bytes.length)
      } catch (error) {
        expect(error).toMatchObject({ code: 'EBADMSG' })
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refused), { numRuns: 3000 })
    // Right ones with one byte changed get further.
    const encoder = new Encoder()
    fc.assert(
      fc.property(anything, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
        const bytes = Buffer.from(encoder.bytes.subarray(0, encoder.encode(value)))
        const own = Buffer.from(encoder.bytes.subarray(0, bytes.length))
        own[at % own.length] = byte
        refused(own)
      }),
      { numRuns: 1000 },
    )
  })

  it('AS-12 bytes that end too soon, or too late, are refused', () => {
    const encoder = new Encoder()
    const length = encoder.encode({ a: [1, 'two', new Uint8Array(3)] })
    const decoder = new Decoder(encoder.bytes)
    for (let less = 0; less < length; less++) expect(() => decoder.decode(0, less)).toThrow(malformed)
    expect(() => decoder.decode(0, length + 1)).toThrow(malformed)
  })

  it('AS-12 nests no deeper for bytes that say so', () => {
    const bytes = Buffer.alloc(SLAB, Buffer.from([14, 1]))
    expect(() => new Decoder(bytes).decode(0, SLAB)).toThrow(malformed)
  })
})

const malformed = expect.objectContaining({ code: 'EBADMSG' })

describe('errors in bytes', () => {
  it('AS-11 never fail, and can always be cloned', () => {
    const thrown = [
      undefined,
      null,
      'text',
      () => {},
      Symbol('s'),
      new Proxy(new Error('x'), {
        get() {
          throw new Error('trap')
        },
      }),
      Object.create(null),
      Object.assign(new Error('own'), { self: {} as unknown, fn() {} }),
      new DOMException('gone', 'NotFoundError'),
      new AggregateError([new Error('one'), 2]),
    ]
    for (const one of thrown) expect(() => serialize(packError(one))).not.toThrow()
  })

  it('AS-11 read it once: a getter may answer otherwise the next time', () => {
    const liar = () => {
      let reads = 0
      return {
        get first() {
          if (reads++ > 0) throw new Error('read again')
          return 1
        },
      }
    }
    expect(unpackError(deserialize(serialize(packError(liar()))))).toEqual({ first: 1 })
    const packed = packError(Object.assign(new Error('of a liar'), { own: liar() }))
    expect(unpackError(deserialize(serialize(packed)))).toMatchObject({ own: { first: 1 } })
  })

  it('AS-11 keep causes, but not for ever', () => {
    const circle = new Error('round')
    circle.cause = circle
    let depth = 0
    let error = unpackError(packError(circle)) as Error
    for (; error.cause !== undefined; error = error.cause as Error) depth++
    expect(depth).toBe(4)
    expect(error.message).toBe('round')
  })

  it('AS-11 leave nothing to a name such as __proto__', () => {
    const odd = Object.assign(new Error('odd'), JSON.parse('{"__proto__": {"polluted": 1}}'))
    const back = unpackError(packError(odd)) as Error & { polluted?: number }
    expect(back).toBeInstanceOf(Error)
    expect(back.polluted).toBe(undefined)
  })
})
