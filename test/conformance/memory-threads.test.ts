import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memory, memtypes } from '../../lib/memory'
import { codeOf, freshModule, isNative, Mate } from './memory-harness'

let mate: Mate
beforeAll(() => {
  mate = new Mate()
})
afterAll(() => mate.end())

const define = () => ({ description: `${freshModule()}:a`, kind: 'fixed', size: 64 }) as const

describe('blocks between isolates', () => {
  it('MT-07 MT-17 a block is given up for a token and taken over once', async () => {
    const type = memtypes.register(define())
    const block = memtypes.malloc(type)
    if (!isNative) {
      expect(codeOf(() => block.release())).toBe('ERR_NATIVE_REQUIRED')
      expect(codeOf(() => memtypes.adopt(1))).toBe('ERR_NATIVE_REQUIRED')
      block.free()
      return
    }
    const view = block.view()
    view.fill(7)
    const token = block.release()
    expect(memtypes.totals().unclaimed).toBe(1)
    expect(view).toHaveLength(0)
    for (const call of [() => block.view(), () => block.release(), () => block.free()]) {
      expect(codeOf(call)).toBe('ERR_STALE_BLOCK')
    }
    const told = await mate.run(
      `const block = heddle.memtypes.adopt(data)
       const told = [block.memtype.description, block.size, [...new Set(block.view())]]
       const again = codeOf(() => heddle.memtypes.adopt(data))
       block.view().fill(8)
       return [...told, again, block.release()]`,
      token,
    )
    const [description, size, bytes, again, back] = told as [string, number, number[], string, number]
    expect([description, size, bytes, again]).toEqual([type.description, 64, [7], 'ERR_STALE_BLOCK'])
    const returned = memtypes.adopt(back)
    expect([...returned.view()]).toEqual(Array(64).fill(8))
    expect(returned.memtype).toBe(type)
    returned.free()
    for (const wrong of [back, token, 1e15])
      expect(codeOf(() => memtypes.adopt(wrong))).toBe('ERR_STALE_BLOCK')
    for (const wrong of [0, -1, 0.5, '1'])
      expect(codeOf(() => memtypes.adopt(wrong as number))).toBe('ERR_INVALID_ARGUMENT')
    expect(memtypes.totals().unclaimed).toBe(0)
    expect(memtypes.stats(type).live).toBe(0)
  })

  it('MT-07 a type is checked wherever the block was allocated', async () => {
    if (!isNative) {
      expect(memtypes.engines).toEqual(['javascript'])
      return
    }
    const [a, b] = [memtypes.register(define()), memtypes.register(define())]
    const told = await mate.run(
      `const block = heddle.memtypes.adopt(data.token)
       try { heddle.memtypes.free(data.b, block) } catch (error) {
         heddle.memtypes.free(data.a, block)
         return [error.code, error.given, error.actual]
       }`,
      { token: memtypes.malloc(a).release(), a: a.id, b: b.id },
    )
    expect(told).toEqual(['ERR_MEMTYPE_MISMATCH', b.description, a.description])
    expect(memtypes.stats(a).live).toBe(0)
  })

  it('MT-17 A-MT-9 allocated here and freed there, a million times, leaves nothing and does not grow', async () => {
    if (!isNative) {
      expect(codeOf(() => memtypes.malloc(memtypes.register(define())).release())).toBe('ERR_NATIVE_REQUIRED')
      return
    }
    const type = memtypes.register(define())
    const BATCH = 10_000
    const held: number[] = []
    for (let round = 0; round < 100; round++) {
      const tokens = new Float64Array(BATCH)
      for (let i = 0; i < BATCH; i++) tokens[i] = memtypes.malloc(type).release()
      await mate.run('for (const token of data) heddle.memtypes.adopt(token).free()', tokens)
      held.push(memtypes.totals().heldBytes)
    }
    expect(memtypes.stats(type)).toMatchObject({ live: 0, total: 1_000_000 })
    if (memtypes.engine === 'slab') expect(memtypes.stats(type).crossThreadFrees).toBe(1_000_000)
    expect(memtypes.totals().unclaimed).toBe(0)
    expect(Math.max(...held.slice(-50))).toBeLessThan(Math.max(...held.slice(0, 20)) + 2 ** 21)
  })

  it('MT-03 types are one for all isolates on the native backend', async () => {
    const def = define()
    const type = memtypes.register(def)
    const told = (await mate.run(
      `const same = heddle.memtypes.register(data)
       const other = codeOf(() => heddle.memtypes.register({ ...data, size: 8 }))
       return [same.id, other]`,
      def,
    )) as [number, string | undefined]
    expect(told).toEqual(isNative ? [type.id, 'EINVAL'] : [expect.any(Number), 'EINVAL'])
  })

  it('MT-17 a worker that is terminated takes its blocks with it, and leaves those it gave up', async () => {
    const type = memtypes.register(define())
    const other = new Mate()
    const tokens = (await other.run(
      `const type = heddle.memtypes.register(data)
       kept.blocks = Array.from({ length: 100 }, () => heddle.memtypes.malloc(type))
       kept.blocks.forEach((block, i) => i % 2 || block.view())
       return heddle.memtypes.engine === 'javascript' ? [] : kept.blocks.slice(0, 10).map((block) => block.release())`,
      { description: type.description, kind: 'fixed', size: 64 },
    )) as number[]
    await other.end()
    expect(memtypes.stats(type).live).toBe(tokens.length)
    for (const token of tokens) memtypes.adopt(token).free()
    expect(memtypes.stats(type).live).toBe(0)
  })

  it('MT-14 settings of pressure that one isolate leaves out stay as another has set them', async () => {
    const type = memtypes.register(define())
    using _held = memtypes.malloc(type)
    memory.configure({ limitBytes: memtypes.totals().heldBytes * 50, highWater: 95, goal: 90 })
    expect(memory.isLow()).toBe(false)
    await mate.run('heddle.memory.configure({ highWater: 1, goal: 1 })')
    const isLow = memory.isLow()
    memory.configure({ limitBytes: 0, highWater: 95, goal: 90 })
    expect(isLow).toBe(isNative)
    expect(memory.isLow()).toBe(false)
  })
})
