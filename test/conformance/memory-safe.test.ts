import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memory, memtypes, safe, SafeBlock, SmrError } from '../../lib/memory'
import { withEventer } from './eventer-harness'
import { codeOf, eventually, freshModule, isNative, thrown } from './memory-harness'

const text = (block: SafeBlock) => Buffer.from(block.view()).toString()
const pending = () => safe.stats().freesRequested - safe.stats().freesCompleted

// What is reclaimed when is under the control of the cases.
beforeEach(() => memory.configure({ smr: { asynch: false } }))
afterEach(async () => {
  await safe.maintain('barrier')
  const { freesRequested, freesCompleted, bytesPending } = safe.stats()
  expect([freesRequested - freesCompleted, bytesPending]).toEqual([0, 0])
  expect(safe.inSection()).toBe(false)
})

describe('safe blocks', () => {
  it('SM-04 A-SM-4 are allocated of any size, zeroed, or from what there is', () => {
    const blocks = [
      safe.alloc(0),
      safe.alloc(100),
      safe.calloc(10, 30),
      safe.fromString('Größe'),
      safe.from(new Uint8Array([1, 2])),
    ]
    expect(blocks.map(({ size }) => size)).toEqual([0, 100, 300, 7, 2])
    expect(blocks.map((block) => block.view().length)).toEqual([0, 100, 300, 7, 2])
    expect(blocks[2]?.view()).toEqual(new Uint8Array(300))
    expect(text(blocks[3] as SafeBlock)).toBe('Größe')
    expect([...(blocks[4]?.view() ?? [])]).toEqual([1, 2])
    expect(blocks[1]?.view()).toBe(blocks[1]?.view())
    for (const block of blocks) {
      expect(block.isFreed).toBe(false)
      block.free()
      expect(block.isFreed).toBe(true)
    }
  })

  it('SM-04 A-SM-4 sizes that are none', () => {
    const before = safe.stats().allocations
    expect(codeOf(() => safe.calloc(2 ** 62, 8))).toBe('ERANGE')
    expect(codeOf(() => safe.calloc(2 ** 30, 2 ** 30))).toBe('ERANGE')
    expect(codeOf(() => safe.alloc(-1))).toBe('EINVAL')
    expect(codeOf(() => safe.alloc(0.5))).toBe('EINVAL')
    expect(codeOf(() => safe.alloc(2 ** 52))).toBe('ENOMEM')
    expect(codeOf(() => safe.fromString(5 as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => safe.from('bytes' as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => safe.alloc(1, { onReclaim: 5 as never }))).toBe('ERR_INVALID_ARGUMENT')
    expect(safe.stats().allocations).toBe(before)
  })

  it('SM-05 A-SM-5 a second free and what is no safe block are told apart, and nothing is harmed', () => {
    const type = memtypes.register({ description: `${freshModule()}:a`, kind: 'fixed', size: 32 })
    const foreign = memtypes.malloc(type)
    const block = safe.alloc(32)
    block.free()
    const twice = thrown(() => safe.free(block))
    expect(twice).toBeInstanceOf(SmrError)
    expect(twice.code).toBe('ERR_SMR_DOUBLE_FREE')
    for (const other of [foreign, Buffer.alloc(8), {}, 5, 'block']) {
      const error = thrown(() => safe.free(other as never))
      expect(error).toBeInstanceOf(SmrError)
      expect(error.code).toBe('ERR_SMR_CORRUPT')
    }
    safe.free(null)
    safe.free(undefined)
    block[Symbol.dispose]()
    foreign.view().fill(1)
    foreign.free()
    const blocks = Array.from({ length: 100 }, () => safe.fromString('still well'))
    for (const each of blocks) expect(text(each)).toBe('still well')
    for (const each of blocks) each[Symbol.dispose]()
  })

  it('SM-09 SM-11 A-SM-8 a view of a freed block has length 0 once no section is open, and says so', () => {
    const block = safe.fromString('gone soon')
    const view = block.view()
    safe.free(block)
    expect(view).toHaveLength(0)
    expect(view.buffer.byteLength).toBe(0)
    expect(codeOf(() => block.view())).toBe('ERR_STALE_BLOCK')
    const unseen = safe.alloc(0)
    unseen.view()
    unseen.free()
    expect(codeOf(() => unseen.view())).toBe('ERR_STALE_BLOCK')
  })

  it('SM-09 blocks are found by their id', () => {
    const block = safe.fromString('found')
    if (isNative) {
      const again = safe.open(block.id)
      expect(again).toBeInstanceOf(SafeBlock)
      expect([again.id, again.size, text(again)]).toEqual([block.id, 5, 'found'])
      expect(again.view()).toBe(block.view())
      again.free()
      expect(block.isFreed).toBe(true)
      expect(codeOf(() => block.free())).toBe('ERR_SMR_DOUBLE_FREE')
      for (const id of [block.id, 1e15]) expect(codeOf(() => safe.open(id))).toBe('ERR_STALE_BLOCK')
      for (const id of [0, -1, 0.5, '1'])
        expect(codeOf(() => safe.open(id as number))).toBe('ERR_INVALID_ARGUMENT')
    } else {
      expect(codeOf(() => block.id)).toBe('ERR_NATIVE_REQUIRED')
      expect(codeOf(() => safe.open(1))).toBe('ERR_NATIVE_REQUIRED')
      block.free()
    }
  })
})

describe('sections', () => {
  it('SM-02 A-SM-2 nest: what is freed inside is reclaimed after the outermost has ended', async () => {
    let ended = 0
    const block = safe.fromString('three levels', { onReclaim: () => ended++ })
    const view = block.view()
    const levels = [safe.section(), safe.section(), safe.section()]
    safe.free(block)
    for (const inside of [true, true, false]) {
      expect(Buffer.from(view).toString()).toBe('three levels')
      expect(block.view()).toBe(view)
      expect(await safe.maintain('try')).toBe(-1)
      expect(await safe.maintain('barrier')).toBe(0)
      levels.pop()?.end()
      expect(safe.inSection()).toBe(inside)
    }
    expect(view).toHaveLength(0)
    expect(codeOf(() => block.view())).toBe('ERR_STALE_BLOCK')
    expect(ended).toBe(0)
    expect(await safe.maintain('barrier')).toBe(1)
    expect(ended).toBe(1)
  })

  it('SM-02 A-SM-2 end once each', () => {
    const section = safe.section()
    section.end()
    const error = thrown(() => section.end())
    expect(error).toBeInstanceOf(SmrError)
    expect(error.code).toBe('ERR_SMR_UNBALANCED')
    section[Symbol.dispose]()
    const disposed = safe.section()
    disposed[Symbol.dispose]()
    expect(codeOf(() => disposed.end())).toBe('ERR_SMR_UNBALANCED')
    expect(safe.inSection()).toBe(false)
  })

  it('SM-13 of their own do not mix with that of the isolate, nor with each other', async () => {
    const [one, two] = [safe.makeSection(), safe.makeSection()]
    const levels = safe.withSection(one, () => [safe.section(), safe.section()])
    expect(safe.inSection()).toBe(false)
    expect(safe.withSection(two, () => safe.inSection())).toBe(false)
    expect(safe.withSection(one, () => safe.withSection(two, () => safe.inSection()))).toBe(false)
    expect(safe.withSection(one, () => safe.inSection())).toBe(true)

    const block = safe.fromString('held by one')
    const view = safe.withSection(one, () => block.view())
    safe.free(block)
    expect(Buffer.from(view).toString()).toBe('held by one')
    expect(await safe.maintain('try')).toBe(-1)
    for (const level of levels) expect(codeOf(() => level.end())).toBe('ERR_SMR_UNBALANCED')
    safe.withSection(two, () => {
      for (const level of levels) expect(codeOf(() => level.end())).toBe('ERR_SMR_UNBALANCED')
    })
    safe.withSection(one, () => levels[0]?.end())
    expect(Buffer.from(view).toString()).toBe('held by one')
    safe.withSection(one, () => levels[1]?.end())
    expect(view).toHaveLength(0)
    expect(await safe.maintain('try')).toBe(1)
    one[Symbol.dispose]()
    two[Symbol.dispose]()
    expect(codeOf(() => safe.withSection(one, () => {}))).toBe('ERR_CLOSED')
  })

  it('SM-13 come back in order when what runs in them throws, and end with what is open in them', async () => {
    const section = safe.makeSection()
    const outer = safe.section()
    expect(() =>
      safe.withSection(section, () => {
        safe.section()
        throw new Error('in the middle')
      }),
    ).toThrow('in the middle')
    expect(safe.inSection()).toBe(true)
    expect(codeOf(() => safe.withSection(section, () => section[Symbol.dispose]()))).toBe(
      'ERR_SMR_UNBALANCED',
    )
    outer.end()
    const block = safe.fromString('x')
    const view = block.view()
    block.free()
    expect(view).toHaveLength(1)
    section[Symbol.dispose]()
    section[Symbol.dispose]()
    expect(await safe.maintain('try')).toBe(1)
    expect(view).toHaveLength(0)
    expect(codeOf(() => safe.withSection({} as never, () => {}))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => safe.withSection(section, 5 as never))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('SM-13 AC-30 begin levels without being swapped in, which end from anywhere', async () => {
    const section = safe.makeSection()
    const outer = section.begin()
    const inner = safe.withSection(section, () => section.begin())
    expect(safe.inSection()).toBe(false)
    const block = safe.fromString('held')
    block.free()
    expect(await safe.maintain('try')).toBe(-1)
    inner.end()
    expect(codeOf(() => inner.end())).toBe('ERR_SMR_UNBALANCED')
    expect(await safe.maintain('try')).toBe(-1)
    const other = safe.makeSection()
    safe.withSection(other, () => outer.end())
    expect(await safe.maintain('try')).toBe(1)
    const left = section.begin()
    section[Symbol.dispose]()
    other[Symbol.dispose]()
    expect(codeOf(() => left.end())).toBe('ERR_CLOSED')
    expect(codeOf(() => section.begin())).toBe('ERR_CLOSED')
  })

  it('SM-01 A-SM-1 every callback of a loop is in one', () =>
    withEventer({}, async ({ eventer }) => {
      let view: Uint8Array = new Uint8Array()
      let after = false
      let inside: unknown[] = []
      const block = safe.fromString('seen by a callback')
      eventer.addIn(0, () => {
        view = block.view()
        safe.free(block)
        inside = [safe.inSection(), Buffer.from(view).toString(), codeOf(() => block.free())]
        queueMicrotask(() => {
          inside.push(Buffer.from(view).toString())
          after = true
        })
        return 0
      })
      eventer.start()
      await eventually(() => after).toBe(true)
      expect(inside).toEqual([true, 'seen by a callback', 'ERR_SMR_DOUBLE_FREE', 'seen by a callback'])
      await eventually(() => view.length).toBe(0)
      expect(safe.inSection()).toBe(false)
      expect(pending()).toBe(1)
      expect(await safe.maintain('barrier')).toBe(1)
    }))

  it('SM-01 which an eventer can do without', () =>
    withEventer({ sections: false }, async ({ eventer }) => {
      let inside: boolean | undefined
      let length = -1
      eventer.addIn(0, () => {
        const block = safe.fromString('x')
        const view = block.view()
        inside = safe.inSection()
        block.free()
        length = view.length
        return 0
      })
      eventer.start()
      await eventually(() => [inside, length]).toEqual([false, 0])
    }))

  it('SM-01 SM-02 a section that is begun in a callback protects until it ends', () =>
    withEventer({}, async ({ eventer }) => {
      const block = safe.fromString('held on')
      let held: ReturnType<typeof safe.section> | undefined
      let view: Uint8Array = new Uint8Array()
      eventer.addIn(0, () => {
        held = safe.section()
        view = block.view()
        return 0
      })
      let later = 0
      eventer.addIn(1, () => {
        later++
        return 0
      })
      eventer.start()
      await eventually(() => held !== undefined && later > 0).toBe(true)
      safe.free(block)
      expect(safe.inSection()).toBe(true)
      expect(await safe.maintain('try')).toBe(-1)
      expect(Buffer.from(view).toString()).toBe('held on')
      held?.end()
      expect(view).toHaveLength(0)
    }))

  it('SM-01 callbacks that throw leave none open', () =>
    withEventer({}, async ({ eventer }) => {
      let thrownIn = 0
      eventer.on('error', () => thrownIn++)
      for (let i = 0; i < 3; i++) {
        eventer.addIn(0, () => {
          throw new Error('from a callback')
        })
      }
      eventer.start()
      await eventually(() => thrownIn).toBe(3)
      expect(safe.inSection()).toBe(false)
    }))
})

describe('reclaiming', () => {
  it('SM-06 the modes', async () => {
    expect(await safe.maintain('none')).toBe(0)
    expect(await safe.maintain()).toBe(0)
    expect(await safe.maintain('barrier')).toBe(0)
    for (let i = 0; i < 10; i++) safe.alloc(8).free()
    expect(await safe.maintain('none')).toBe(0)
    expect(pending()).toBe(10)
    expect(await safe.maintain('try')).toBe(10)
    for (let i = 0; i < 5; i++) safe.alloc(8).free()
    expect(await safe.maintain('barrier-asynch')).toBe(0)
    expect(await safe.maintain('barrier')).toBe(5)
    expect(pending()).toBe(0)
    await expect(safe.maintain('hard' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('SM-04 onReclaim runs once, right before the block is released', async () => {
    const ended: number[] = []
    const blocks = Array.from({ length: 5 }, (_, i) =>
      safe.alloc(8, {
        onReclaim: () => {
          ended.push(i)
          expect(pending()).toBeGreaterThan(0)
        },
      }),
    )
    for (const block of blocks) block.free()
    expect(ended).toEqual([])
    expect(await safe.maintain('barrier')).toBe(5)
    expect([...ended].sort()).toEqual([0, 1, 2, 3, 4])
    expect(await safe.maintain('barrier')).toBe(0)
    expect(ended).toHaveLength(5)
  })

  it('SM-04 onReclaim may allocate and free', async () => {
    let ended = 0
    const again = (left: number) => () => {
      ended++
      if (left > 0) safe.alloc(8, { onReclaim: again(left - 1) }).free()
    }
    safe.alloc(8, { onReclaim: again(3) }).free()
    for (let i = 0; i < 4; i++) await safe.maintain('barrier')
    expect(ended).toBe(4)
  })

  it('SM-07 A-SM-7 a collector does it in the background, and counters only grow', async () => {
    memory.configure({ smr: { asynch: true } })
    let ended = 0
    const before = safe.stats()
    const seen = [before]
    for (let i = 0; i < 1000; i++) {
      const block = safe.alloc(16, i % 10 === 0 ? { onReclaim: () => ended++ } : {})
      if (i % 3 === 0) block.view()
      block.free()
      if (i % 100 === 0) seen.push(safe.stats())
    }
    await eventually(pending).toBe(0)
    await eventually(() => ended).toBe(100)
    seen.push(safe.stats())
    for (const [i, stats] of seen.entries()) {
      expect(stats.freesRequested).toBeGreaterThanOrEqual(stats.freesCompleted)
      const last = seen[i - 1]
      if (last === undefined) continue
      for (const name of ['allocations', 'freesRequested', 'freesCompleted', 'cycles'] as const) {
        expect(stats[name]).toBeGreaterThanOrEqual(last[name])
      }
    }
    expect(safe.stats().freesCompleted - before.freesCompleted).toBe(1000)
  })

  it('SM-12 a mark makes it begin at once', async () => {
    memory.configure({ smr: { asynch: true, highWater: 64 * 1024 } })
    const before = safe.stats().highWaters
    const section = safe.section()
    for (let i = 0; i < 100; i++) safe.alloc(1024).free()
    expect(safe.stats().bytesPending).toBe(100 * 1024)
    expect(safe.stats().highWaters).toBeGreaterThan(before)
    section.end()
    await eventually(pending).toBe(0)
    memory.configure({ smr: { highWater: 4 << 20 } })
  })

  it('SM-08 the statistics tell what is pending', async () => {
    const before = safe.stats()
    const block = safe.alloc(1000)
    block.free()
    expect(safe.stats()).toMatchObject({
      allocations: before.allocations + 1,
      freesRequested: before.freesRequested + 1,
      freesCompleted: before.freesCompleted,
      bytesPending: before.bytesPending + 1000,
    })
    await safe.maintain('barrier')
    expect(safe.stats()).toMatchObject({
      freesCompleted: before.freesCompleted + 1,
      bytesPending: before.bytesPending,
    })
    expect(safe.stats().threads).toBeGreaterThan(0)
  })
})

describe('taking part', () => {
  it('SM-03 an isolate that has left cannot use safe memory until it joins again', async () => {
    const block = safe.fromString('x')
    const freed = safe.alloc(8)
    const section = safe.section()
    expect(codeOf(() => safe.finiThread())).toBe('ERR_SMR_UNBALANCED')
    section.end()
    freed.free()
    expect(safe.finiThread()).toBe(true)
    expect(safe.finiThread()).toBe(false)
    for (const call of [
      () => safe.alloc(1),
      () => safe.calloc(1, 1),
      () => safe.fromString('x'),
      () => safe.free(block),
      () => block.free(),
      () => block.view(),
      () => safe.section(),
      () => safe.inSection(),
      () => safe.stats(),
      () => safe.open(1),
    ]) {
      const error = thrown(call)
      expect(error).toBeInstanceOf(SmrError)
      expect(error.code).toBe('ERR_SMR_THREAD')
    }
    await expect(safe.maintain('try')).rejects.toMatchObject({ code: 'ERR_SMR_THREAD' })
    expect(safe.initThread()).toBe(true)
    expect(safe.initThread()).toBe(false)
    expect(text(block)).toBe('x')
    block.free()
  })
})
