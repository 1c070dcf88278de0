import { describe, expect, it } from 'vitest'
import { type Block, MemtypeError, memory, memtypes } from '../../lib/memory'
import { codeOf, freshModule, isNative, thrown } from './memory-harness'

const fixed = (size = 24, more = {}) =>
  memtypes.register({ description: `${freshModule()}:fixed`, kind: 'fixed', size, ...more })
const vsize = (more = {}) =>
  memtypes.register({ description: `${freshModule()}:vsize`, kind: 'vsize', ...more })

describe('registering', () => {
  it('MT-01 MT-02 A-MT-1 gives fixed and vsize types with what was defined', () => {
    const module = freshModule()
    const a = memtypes.register({ description: `${module}:a`, kind: 'fixed', size: 24 })
    const b = memtypes.register({ description: `${module}:b`, kind: 'vsize', align: 64, fillGarbage: 7 })
    expect(a).toMatchObject({ description: `${module}:a`, kind: 'fixed', size: 24, align: 16 })
    expect(b).toMatchObject({ description: `${module}:b`, kind: 'vsize', size: 0, align: 64, fillGarbage: 7 })
    expect(a.module).toBe(module)
    expect(b.id).not.toBe(a.id)
    for (const block of [memtypes.malloc(a), memtypes.mallocSize(b, 5)]) block.free()
    expect(memtypes.stats(a)).toMatchObject({ live: 0, peak: 1, total: 1 })
  })

  it('MT-03 A-MT-1 the same definition gives the same type, another one under its name is EINVAL', () => {
    const def = { description: `${freshModule()}:a`, kind: 'fixed', size: 24 } as const
    const type = memtypes.register(def)
    expect(memtypes.register({ ...def })).toBe(type)
    const other = thrown(() => memtypes.register({ ...def, size: 32 }))
    expect(other.code).toBe('EINVAL')
    expect(other.message).toContain(def.description)
    expect(codeOf(() => memtypes.register({ description: def.description, kind: 'vsize' }))).toBe('EINVAL')
  })

  it.each([
    ['a fixed type of size 0', { kind: 'fixed', size: 0 }],
    ['a vsize type with a size', { kind: 'vsize', size: 8 }],
    ['an alignment of 3', { kind: 'fixed', size: 8, align: 3 }],
    ['an alignment of 8192', { kind: 'fixed', size: 8, align: 8192 }],
    ['an alignment of 0', { kind: 'fixed', size: 8, align: 0 }],
    ['an unknown kind', { kind: 'both', size: 8 }],
    ['half a byte', { kind: 'fixed', size: 0.5 }],
    ['a size below 0', { kind: 'fixed', size: -8 }],
    ['a fill above a byte', { kind: 'vsize', fillGarbage: 256 }],
  ])('MT-02 A-MT-1 %s is EINVAL', (_what, def) => {
    const description = `${freshModule()}:bad`
    expect(codeOf(() => memtypes.register({ description, ...def } as never))).toBe('EINVAL')
    expect(memtypes.byName(description)).toBe(-1)
  })

  it.each(['', 'nocolon', ':', 'a:', 'nul:a\0b', `long:${'x'.repeat(60)}`, undefined])(
    'MT-02 the description %j is EINVAL',
    (description) => {
      expect(codeOf(() => memtypes.register({ description, kind: 'vsize' } as never))).toBe('EINVAL')
    },
  )

  it('MT-12 finds types by name and by module', () => {
    const module = freshModule()
    const a = memtypes.register({ description: `${module}:a`, kind: 'fixed', size: 8 })
    const b = memtypes.register({ description: `${module}:b`, kind: 'vsize' })
    expect(memtypes.byName(`${module}:a`)).toBe(a.id)
    expect(memtypes.byName(module)).toBe(-1)
    for (const other of [`${module}:c`, `${module}:a\0`, `${module}:a\0b`, '']) {
      expect(memtypes.byName(other)).toBe(-1)
    }
    expect(memtypes.byModule(module)).toEqual([a.id, b.id])
    expect(memtypes.byModule(`${module}x`)).toEqual([])
    expect(memtypes.get(b.id)).toBe(b)
    expect(codeOf(() => memtypes.get(100_000))).toBe('ERR_MEMTYPE_UNKNOWN')
  })

  it('MT-18 A-MT-12 the built-in types are there', () => {
    const { event, messageBody, asyncJob, all } = memtypes.builtin
    expect([event, messageBody, asyncJob].map(({ description }) => description)).toEqual([
      'core:event',
      'core:message-body',
      'core:async-job',
    ])
    expect(all.get('core:event')).toBe(event)
  })
})

describe('allocating', () => {
  it('MT-04 malloc gives a block of the registered size, zeroed if asked', () => {
    const type = fixed(100)
    const block = memtypes.malloc(type)
    expect(block).toMatchObject({ size: 100, memtype: type, isLive: true })
    expect(block.view()).toHaveLength(100)
    expect(block.view()).toBe(block.view())
    block.view().fill(9)
    block.free()
    const zeroed = memtypes.malloc(type, { zeroed: true })
    expect(zeroed.view()).toEqual(new Uint8Array(100))
    zeroed.free()
  })

  it('MT-05 mallocSize gives any size, 0 included', () => {
    const type = vsize()
    for (const size of [0, 1, 15, 16, 17, 1000, 70_000, 5_000_000]) {
      const block = memtypes.mallocSize(type, size)
      expect(block.size).toBe(size)
      expect(block.view()).toHaveLength(size)
      block.view().fill(0xff)
      block.free()
      expect(codeOf(() => block.view())).toBe('ERR_STALE_BLOCK')
    }
    const zeroes = memtypes.calloc(type, 10, 30)
    expect(zeroes.view()).toEqual(new Uint8Array(300))
    zeroes.free()
    expect(memtypes.stats(type)).toMatchObject({ live: 0, bytes: 0, total: 9 })
  })

  it('MT-05 sizes that are none, or that nobody has', () => {
    const type = vsize()
    for (const size of [-1, 0.5, Number.NaN, '8', undefined]) {
      expect(codeOf(() => memtypes.mallocSize(type, size as number))).toBe('EINVAL')
    }
    expect(codeOf(() => memtypes.mallocSize(type, 2 ** 60))).toBe('ERANGE')
    expect(codeOf(() => memtypes.calloc(type, 2 ** 62, 8))).toBe('ERANGE')
    expect(codeOf(() => memtypes.calloc(type, 2 ** 40, 2 ** 40))).toBe('ERANGE')
    expect(codeOf(() => memtypes.mallocSize(type, 2 ** 52))).toBe('ENOMEM')
    expect(memtypes.stats(type)).toMatchObject({ live: 0, total: 0 })
  })

  it('MT-04 MT-05 MT-06 MT-08 A-MT-2 the wrong kind is ERR_MEMTYPE_KIND and counts nothing', () => {
    const f = fixed()
    const v = vsize()
    const calls: Record<string, () => Block> = {
      malloc: () => memtypes.malloc(v),
      mallocSize: () => memtypes.mallocSize(f, 24),
      calloc: () => memtypes.calloc(f, 1, 24),
      realloc: () => memtypes.realloc(f, undefined, 24),
      strdup: () => memtypes.strdup(f, 'a'),
      strndup: () => memtypes.strndup(f, 'a', 1),
      format: () => memtypes.format(f, 'a'),
    }
    for (const [name, call] of Object.entries(calls)) {
      const error = thrown(call)
      expect(error, name).toBeInstanceOf(MemtypeError)
      expect([name, error.code, error.message.startsWith(`${name}: memtype '`)]).toEqual([
        name,
        'ERR_MEMTYPE_KIND',
        true,
      ])
    }
    for (const type of [f, v])
      expect(memtypes.stats(type)).toMatchObject({ live: 0, peak: 0, total: 0, bytes: 0 })
  })

  it('MT-01 A-MT-12 what is no registered type is ERR_MEMTYPE_UNKNOWN in every call', () => {
    for (const none of [undefined, null, -1, 0, 100_000, 1.5, {}, 'core:event']) {
      const type = none as never
      for (const call of [
        () => memtypes.malloc(type),
        () => memtypes.mallocSize(type, 1),
        () => memtypes.calloc(type, 1, 1),
        () => memtypes.realloc(type, undefined, 1),
        () => memtypes.strdup(type, 'a'),
        () => memtypes.strndup(type, 'a', 1),
        () => memtypes.format(type, 'a'),
        () => memtypes.free(type, null),
        () => memtypes.stats(type),
      ]) {
        expect(codeOf(call)).toBe('ERR_MEMTYPE_UNKNOWN')
      }
    }
  })

  it('MT-02 A-MT-7 blocks lie where the alignment of their type says', () => {
    for (const align of [64, 4096]) {
      const types = [fixed(24, { align }), vsize({ align })]
      const blocks = types.flatMap((type) =>
        Array.from({ length: 50 }, (_, i) =>
          type.kind === 'fixed' ? memtypes.malloc(type) : memtypes.mallocSize(type, i),
        ),
      )
      for (const block of blocks) {
        if (isNative) expect(block.address % BigInt(align)).toBe(0n)
        else expect(codeOf(() => block.address)).toBe('ERR_NATIVE_REQUIRED')
        block.free()
      }
      expect(codeOf(() => (blocks[0] as Block).address)).toBe('ERR_STALE_BLOCK')
    }
  })

  it('MT-09 A-MT-6 fillGarbage fills new blocks with its pattern, also when they are used again', () => {
    const types = [
      fixed(40, { fillGarbage: true }),
      fixed(40, { fillGarbage: 0x5a }),
      vsize({ fillGarbage: 0x11 }),
    ]
    for (const type of types) {
      const make = () => (type.kind === 'fixed' ? memtypes.malloc(type) : memtypes.mallocSize(type, 40))
      for (let round = 0; round < 3; round++) {
        const block = make()
        expect([...block.view()]).toEqual(Array(40).fill(type.fillGarbage))
        block.view().fill(0)
        block.free()
      }
    }
    const grown = memtypes.realloc(types[2] as never, memtypes.mallocSize(types[2] as never, 2), 40)
    expect([...grown.view()]).toEqual(Array(40).fill(0x11))
    grown.free()
  })
})

describe('realloc', () => {
  it('MT-06 A-MT-3 keeps the smaller of both sizes and makes the old block stale', () => {
    const type = vsize()
    let block = memtypes.mallocSize(type, 10)
    block.view().set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const [size, kept] of [
      [100, 10],
      [5, 5],
      [300_000, 5],
      [3, 3],
    ] as const) {
      const view = block.view()
      const next = memtypes.realloc(type, block, size)
      expect(next.size).toBe(size)
      expect([...next.view().subarray(0, kept)]).toEqual([...Array(kept).keys()])
      expect(view).toHaveLength(0)
      expect(view.buffer.byteLength).toBe(0)
      expect(codeOf(() => block.view())).toBe('ERR_STALE_BLOCK')
      expect(codeOf(() => memtypes.realloc(type, block, 1))).toBe('ERR_STALE_BLOCK')
      expect(codeOf(() => memtypes.free(type, block))).toBe('ERR_STALE_BLOCK')
      expect(memtypes.stats(type).live).toBe(1)
      block = next
    }
    memtypes.free(type, block)
    expect(memtypes.stats(type).live).toBe(0)
  })

  it('MT-06 A-MT-3 of nothing is malloc', () => {
    const type = vsize()
    for (const none of [undefined, null]) {
      const block = memtypes.realloc(type, none, 12)
      expect(block.view()).toHaveLength(12)
      block.free()
    }
  })

  it('MT-06 A-MT-3 without memory leaves the old block as it was', () => {
    const type = vsize()
    const block = memtypes.mallocSize(type, 4)
    const view = block.view()
    view.set([1, 2, 3, 4])
    expect(codeOf(() => memtypes.realloc(type, block, 2 ** 52))).toBe('ENOMEM')
    expect(block.view()).toBe(view)
    expect([...view]).toEqual([1, 2, 3, 4])
    block.free()
  })

  it('MT-06 refuses the block of another type', () => {
    const type = vsize()
    const block = memtypes.mallocSize(vsize(), 4)
    const view = block.view()
    expect(codeOf(() => memtypes.realloc(type, block, 8))).toBe('ERR_MEMTYPE_MISMATCH')
    expect(view).toHaveLength(4)
    block.free()
  })
})

describe('freeing', () => {
  it('MT-07 A-MT-4 checks the type and names both', () => {
    const [a, b] = [fixed(24), fixed(24)]
    const block = memtypes.malloc(a)
    const error = thrown(() => memtypes.free(b, block)) as MemtypeError
    expect(error).toBeInstanceOf(MemtypeError)
    expect(error).toMatchObject({ code: 'ERR_MEMTYPE_MISMATCH', given: b.description, actual: a.description })
    expect(error.message).toContain(`'${a.description}'`)
    expect(error.message).toContain(`'${b.description}'`)
    expect(memtypes.stats(a).live).toBe(1)
    memtypes.free(a.id, block)
    expect(memtypes.stats(a).live).toBe(0)
  })

  it('MT-07 A-MT-4 a second free is ERR_DOUBLE_FREE, of nothing it is fine', () => {
    const type = vsize()
    const block = memtypes.mallocSize(type, 8)
    memtypes.free(type, block)
    expect(codeOf(() => memtypes.free(type, block))).toBe('ERR_DOUBLE_FREE')
    expect(codeOf(() => block.free())).toBe('ERR_DOUBLE_FREE')
    memtypes.free(type, null)
    memtypes.free(type, undefined)
    block[Symbol.dispose]()
    expect(codeOf(() => memtypes.free(type, {} as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(memtypes.stats(type)).toMatchObject({ live: 0, total: 1 })
  })

  it('MT-07 a block can be disposed of', () => {
    const type = fixed()
    const block = memtypes.malloc(type)
    const view = block.view()
    block[Symbol.dispose]()
    expect(block.isLive).toBe(false)
    expect(view).toHaveLength(0)
    expect(memtypes.stats(type).live).toBe(0)
  })
})

describe('text', () => {
  const text = (block: Block) => Buffer.from(block.view()).toString('latin1')

  it('MT-08 A-MT-5 strdup stops at the NUL, strndup copies what it is told', () => {
    const type = vsize()
    const cases: [Block, string][] = [
      [memtypes.strdup(type, 'ab\0cd'), 'ab\0'],
      [memtypes.strdup(type, ''), '\0'],
      [memtypes.strndup(type, 'ab\0cd', 5), 'ab\0cd\0'],
      [memtypes.strndup(type, 'abcdef', 3), 'abc\0'],
      [memtypes.strndup(type, new Uint8Array([0, 255]), 2), '\0\xff\0'],
      [memtypes.strndup(type, 'whole'), 'whole\0'],
      [memtypes.strdup(type, 'Größe €'), `${Buffer.from('Größe €').toString('latin1')}\0`],
    ]
    for (const [block, expected] of cases) {
      expect([block.size, text(block)]).toEqual([expected.length, expected])
      block.free()
    }
    expect(codeOf(() => memtypes.strndup(type, 'abc', 4))).toBe('ERANGE')
    expect(codeOf(() => memtypes.strndup(type, 'abc', -1))).toBe('EINVAL')
    expect(codeOf(() => memtypes.strdup(type, 5 as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(memtypes.stats(type).live).toBe(0)
  })

  it('MT-15 format prints as C does', () => {
    const type = vsize()
    const cases: [string, unknown[], string][] = [
      ['%s is %d years, %5.2f%% done', ['Ada', 36, 99.5], 'Ada is 36 years, 99.50% done'],
      ['[%5d|%-5d|%05d|%+d|% d]', [42, 42, 42, 42, 42], '[   42|42   |00042|+42| 42]'],
      ['%i %u %x %X %o %#x %#o', [-1, 7, 255, 255, 8, 255, 8], '-1 7 ff FF 10 0xff 010'],
      ['%x', [-1], 'ffffffffffffffff'],
      ['%d', [12345678901234567890n], '12345678901234567890'],
      ['%c%c', [65, 'z'], 'Az'],
      ['%.3s|%6s|%-6s|', ['abcdef', 'ab', 'ab'], 'abc|    ab|ab    |'],
      ['%j', [{ a: [1, 'x'] }], '{"a":[1,"x"]}'],
      ['%08.3f %e %g %g %g', [-3.1, 12345.678, 0.0001, 1e10, 100], '-003.100 1.234568e+04 0.0001 1e+10 100'],
      ['%.4d', [-7], '-0007'],
      ['plain', [], 'plain'],
      ['%s', [undefined], 'undefined'],
    ]
    for (const [format, args, expected] of cases) {
      const block = memtypes.format(type, format, ...args)
      expect(text(block)).toBe(`${expected}\0`)
      block.free()
    }
  })

  it.each([
    ['an unknown directive', '%q', [1]],
    ['a directive that is cut off', '50%', []],
    ['too few arguments', '%d %d', [1]],
    ['too many', '%d', [1, 2]],
    ['text for a number', '%d', ['1']],
    ['no number at all', '%d', [Number.NaN]],
  ])('MT-15 %s is EINVAL and allocates nothing', (_what, format, args) => {
    const type = vsize()
    expect(codeOf(() => memtypes.format(type, format, ...args))).toBe('EINVAL')
    expect(memtypes.stats(type).total).toBe(0)
  })
})

describe('the report', () => {
  it('MT-10 A-MT-8 tells what each type uses', () => {
    const module = freshModule()
    const a = memtypes.register({ description: `${module}:a`, kind: 'fixed', size: 32 })
    const b = memtypes.register({ description: `${module}:b`, kind: 'vsize' })
    const blocks = Array.from({ length: 5 }, () => memtypes.malloc(a))
    for (const block of blocks.splice(3)) block.free()
    const large = memtypes.mallocSize(b, 100)
    const [rowA, rowB] = memtypes.report(module)
    expect(rowA).toMatchObject({
      id: a.id,
      type: `${module}:a`,
      kind: 'fixed',
      size: 32,
      live: 3,
      peak: 5,
      total: 5,
    })
    expect(rowA?.bytes).toBe(96)
    expect(rowB).toMatchObject({ live: 1, peak: 1 })
    expect(rowB?.bytes).toBeGreaterThanOrEqual(100)
    expect(memtypes.report(`${module}:a`)).toEqual([rowA])
    const unknown = thrown(() => memtypes.report('nope'))
    expect([unknown.code, unknown.message]).toEqual([
      'ERR_MEMTYPE_UNKNOWN',
      "no memtype or module is called 'nope'",
    ])
    for (const block of [...blocks, large]) block.free()
  })

  it('MT-10 MT-12 A-MT-8 its sums are the totals', () => {
    const block = memtypes.mallocSize(vsize(), 1000)
    const rows = memtypes.report()
    const totals = memtypes.totals()
    const sum = (pick: (row: (typeof rows)[number]) => number) =>
      rows.reduce((all, row) => all + pick(row), 0)
    expect(sum(({ live }) => live)).toBe(totals.live)
    expect(sum(({ bytes }) => bytes)).toBe(totals.bytes)
    expect(sum(({ mappedBytes }) => mappedBytes)).toBe(totals.mappedBytes)
    // What was there before an allocator could be chosen is not held by malloc.
    const { engine } = memtypes
    expect(totals.heldBytes).toBeGreaterThanOrEqual(engine === 'system' ? 1000 : totals.bytes)
    expect(totals.residentBytes).toBeGreaterThan(totals.bytes)
    expect(totals.physicalBytes).toBeGreaterThan(1 << 24)
    block.free()
  })

  it('MT-10 MT-16 A-MT-13 is a table for people that names the allocator', () => {
    const type = fixed(16)
    const block = memtypes.malloc(type)
    const lines = memtypes.formatReport(type.description).split('\n')
    expect(lines[0]).toBe(`allocator: ${memtypes.engine}`)
    expect(lines[1]?.split(/ +/)).toEqual(['type', 'live', 'peak', 'total', 'bytes', 'mapped'])
    expect(lines[2]?.split(/ +/)).toEqual([type.description, '1', '1', '1', '16', '0'])
    expect(lines[3]?.split(/ +/)).toEqual(['all', '1', '1', '16', '0'])
    expect(memtypes.engines).toContain(memtypes.engine)
    expect(memtypes.formatReport()).toContain(type.description)
    block.free()
  })

  it('MT-13 large blocks are mapped and counted separately', () => {
    if (!isNative) {
      expect(codeOf(() => memory.configure({ mmapThreshold: 1 << 16 }))).toBe('ERR_NATIVE_REQUIRED')
      return
    }
    memory.configure({ mmapThreshold: 1 << 16 })
    const type = vsize()
    const large = memtypes.mallocSize(type, 1 << 17)
    const small = memtypes.mallocSize(type, 1000)
    // With the system's allocator it is malloc that decides what is mapped, and nobody counts it.
    const isCounted = memtypes.engine === 'slab'
    const { mappedBytes } = memtypes.stats(type)
    expect(mappedBytes).toBeGreaterThanOrEqual(isCounted ? 1 << 17 : 0)
    expect(mappedBytes).toBeLessThan(isCounted ? (1 << 17) + (1 << 16) : 1)
    large.free()
    small.free()
    expect(memtypes.stats(type).mappedBytes).toBe(0)
    memory.configure({ mmapThreshold: 0 })
    const notMapped = memtypes.mallocSize(type, 1 << 17)
    expect(memtypes.stats(type).mappedBytes).toBe(0)
    notMapped.free()
    memory.configure({ mmapThreshold: 'auto' })
    expect(codeOf(() => memory.configure({ mmapThreshold: -1 }))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('MT-17 tells what the allocator keeps at hand', () => {
    const type = fixed(64)
    const blocks = Array.from({ length: 200 }, () => memtypes.malloc(type))
    const busy = memtypes.stats(type)
    expect(busy).toMatchObject({ live: 200, bytes: 200 * 64, crossThreadFrees: 0 })
    const isCounted = memtypes.engine === 'slab'
    if (isCounted) expect(busy.slabs).toBeGreaterThan(0)
    for (const block of blocks) block.free()
    const idle = memtypes.stats(type)
    if (isCounted) expect(idle.freelist).toBeGreaterThan(busy.freelist)
    else expect([idle.slabs, idle.freelist]).toEqual([0, 0])
    expect(memtypes.stats(type)).toMatchObject({ live: 0, bytes: 0, peak: expect.any(Number) })
    expect(memtypes.stats(type).peak).toBeGreaterThanOrEqual(196)
    memtypes.collect()
  })
})
