import { describe, expect, it } from 'vitest'
import { Config, type OptionDef } from '../../lib/config'

const FULL = 'Binding:Domain>Domain>Global'

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}

/** Whether the text is taken for that type, and as what. */
async function read(type: string, text: string, flags = {}): Promise<unknown> {
  const config = new Config()
  const slot = config.registerOption({ name: 'key', type, fallback: 'Global', flags } as unknown as OptionDef)
  try {
    await config.loadText(`key = ${text}`)
  } catch (error) {
    return (error as { code: string }).code
  }
  return config.value(slot)
}

const REFUSED = 'ERR_CONFIG_VALUE'

describe('fallback', () => {
  const given = ['Binding "b" { Domain "d" { key = bd } }', 'Domain "d" { key = d }', 'key = g']

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'takes the most specific of set %i, else the default (A-CF-5, CF-20, CF-21)',
    async (set) => {
      const config = new Config()
      const slot = config.registerOption({ name: 'key', type: 'string', fallback: FULL, default: 'none' })
      const chosen = given.filter((_, i) => (set & (1 << i)) !== 0)
      await config.loadText(chosen.join('\n'))
      const expected = ['bd', 'd', 'g', 'none'].find((_, i) => i === 3 || (set & (1 << i)) !== 0)
      expect(config.value(slot, { binding: 'b', domain: 'd' })).toBe(expected)
      using value = config.fetch(slot, { binding: 'b', domain: 'd' })
      expect(value.value).toBe(expected)
    },
  )

  it('looks at no scope that the path does not name (A-CF-5, CF-20)', async () => {
    const config = new Config()
    const strict = config.registerOption({ name: 'a', type: 'int', fallback: FULL, default: '1' })
    const wide = config.registerOption({
      name: 'b',
      type: 'int',
      fallback: 'Binding:Domain>Binding>Domain>Global',
      default: '1',
    })
    await config.loadText('Binding "x" { a = 5 b = 6 }')
    expect(config.value(strict, { binding: 'x', domain: 'y' })).toBe(1)
    expect(config.value(wide, { binding: 'x', domain: 'y' })).toBe(6)
    // Undefined only without a default.
    const bare = config.registerOption({ name: 'c', type: 'int', fallback: 'Domain' })
    expect(config.value(bare, { domain: 'y' })).toBeUndefined()
  })

  it('answers every form of query from one matrix (A-CF-6, A-CF-7, CF-21, CF-23)', async () => {
    const config = new Config()
    const fallback =
      'Pathway:Domain>Binding:Host>Binding:Domain>Pathway>Host>Domain>Binding>Binding_Group>Global'
    const slot = config.registerOption({ name: 'key', type: 'string', fallback, default: 'default' })
    await config.loadText(`
      key = global
      Domain "d" { key = domain }
      Host "h" { key = host }
      Pathway "p" { key = pathway Domain "d" { key = pathway-domain } }
      Binding_Group "g" { key = group Binding "inner" { Domain "d" { key = inner-domain } } }
      Binding "b" { key = binding Domain "d" { key = binding-domain } Host "h" { key = binding-host } }`)
    const matrix = [
      [{}, 'global'],
      [{ binding: 'b' }, 'binding'],
      [{ domain: 'd' }, 'domain'],
      [{ domain: 'D' }, 'domain'],
      [{ domain: 'other' }, 'global'],
      [{ binding: 'b', domain: 'd' }, 'binding-domain'],
      [{ binding: 'b', domain: 'other' }, 'binding'],
      [{ host: 'h' }, 'host'],
      [{ binding: 'b', host: 'h' }, 'binding-host'],
      [{ pathway: 'p' }, 'pathway'],
      [{ pathway: 'p', domain: 'd' }, 'pathway-domain'],
      [{ binding: 'inner' }, 'group'],
      [{ binding: 'inner', domain: 'd' }, 'inner-domain'],
      [{ bindingGroup: 'g' }, 'group'],
      [{ binding: 'stranger' }, 'global'],
    ] as const
    for (const [query, expected] of matrix) {
      expect(config.value(slot, query), JSON.stringify(query)).toBe(expected)
      const pairs = Object.entries(query).map(
        ([scope, name]) => [scope === 'bindingGroup' ? 'Binding_Group' : scope, name] as const,
      )
      using generic = config.fetchGeneric(null, slot, null, pairs)
      expect(generic.value, `generic ${JSON.stringify(query)}`).toBe(expected)
    }
  })

  it('refuses generic queries that make no sense with EINVAL (A-CF-7, CF-23)', () => {
    const config = new Config()
    const slot = config.registerOption({ name: 'key', type: 'int', fallback: FULL })
    const generic = (...args: unknown[]) =>
      codeOf(() => (config.fetchGeneric as (...a: unknown[]) => unknown).call(config, null, slot, ...args))
    expect(generic(null, ['Domain'])).toBe('EINVAL')
    expect(generic(null, null, 'Domain')).toBe('EINVAL')
    expect(generic(null, ['Planet', 'x'])).toBe('EINVAL')
    expect(generic({}, ['Domain', 'x'])).toBe('EINVAL')
    expect(generic(undefined, ['Domain', 'x'])).toBe('EINVAL')
    expect(generic(null, ['Domain', 'x'], 'Domain', 'x')).toBe('EINVAL')
    expect(generic(null, ['Domain', 7])).toBe('EINVAL')
    expect(generic(null, 'Domain')).toBe('EINVAL')
    expect(generic(null, null, 'Domain', 'x')).toBe('none')
  })

  it('matches the exact instance, then patterns in the order of the file (CF-32)', async () => {
    const config = new Config()
    const slot = config.registerOption({ name: 'key', type: 'string', fallback: FULL, default: 'none' })
    await config.loadText(String.raw`
      Domain "/^.*\.test$/" { key = first }
      Domain "/^mail\..*$/" { key = second }
      Domain "mail.test" { key = exact }
      Binding "/^b/" { Domain "/./" { key = both } }`)
    expect(config.value(slot, { domain: 'mail.test' })).toBe('exact')
    expect(config.value(slot, { domain: 'www.test' })).toBe('first')
    expect(config.value(slot, { domain: 'MAIL.org' })).toBe('second')
    expect(config.value(slot, { domain: 'www.org' })).toBe('none')
    expect(config.value(slot, { domain: 'mail.test', binding: 'b7' })).toBe('both')
    await expect(config.loadText('Domain "/(/" { key = x }')).rejects.toMatchObject({
      code: REFUSED,
      line: 1,
    })
    expect(config.generation).toBe(1)
  })

  it('takes the last of settings and stanzas that are the same but for case (A-CF-13, CF-05)', async () => {
    const config = new Config()
    const slot = config.registerOption({ name: 'mykey', type: 'string', fallback: FULL })
    expect(config.slot('MYKEY')).toBe(slot)
    await config.loadText('MYKEY = One\nMyKey = Two\nDomain "d" { mykey = a }\nDOMAIN "d" { MYKEY = b }')
    expect(config.value(slot)).toBe('Two')
    expect(config.value(slot, { domain: 'd' })).toBe('b')
    const result = await config.transaction((txn) => {
      expect(txn.get('mykey')).toBe('Two')
      expect(txn.unset('Domain "d".MyKey')).toBe(true)
      expect(txn.unset('Domain "d".MyKey')).toBe(false)
    })
    expect(result).toEqual({ generation: 2, warnings: [], output: [] })
    expect(config.value(slot, { domain: 'd' })).toBe('Two')
  })
})

describe('types', () => {
  it('reads booleans by ten words in any case (A-CF-9, CF-07)', async () => {
    for (const word of ['true', 'TRUE', 'yes', 'on', '1', 'Enabled'])
      expect(await read('bool', word)).toBe(true)
    for (const word of ['false', 'No', 'off', '0', 'DISABLED']) expect(await read('bool', word)).toBe(false)
    for (const word of ['maybe', '""', '2']) expect(await read('bool', word)).toBe(REFUSED)
    const config = new Config()
    const slot = config.registerOption({ name: 'a', type: 'bool', fallback: 'Global', default: 'on' })
    using value = config.fetch(slot)
    expect(value.vint).toBe(1)
  })

  it.each([
    ['int', '12', 12],
    ['int', '"-2147483648"', -2147483648],
    ['int', '2147483647', 2147483647],
    ['int', '12x', REFUSED],
    ['int', '1.5', REFUSED],
    ['int', '2147483648', REFUSED],
    ['int', '""', REFUSED],
    ['int', '" 1"', REFUSED],
    ['uint64', '18446744073709551615', 18446744073709551615n],
    ['uint64', '18446744073709551616', REFUSED],
    ['uint64', '"-1"', REFUSED],
    ['perms', '0644', 0o644],
    ['perms', '7777', 0o7777],
    ['perms', '0888', REFUSED],
    ['perms', '17777', REFUSED],
    ['size', '9007199254740991', 9007199254740991],
    ['size', '9007199254740992', REFUSED],
    ['size', '"-1"', REFUSED],
    ['float', '1e3', 1000],
    ['float', '"-.5"', -0.5],
    ['float', '1e999', REFUSED],
    ['float', 'NaN', REFUSED],
    ['string', '"Mixed Case"', 'Mixed Case'],
    ['throttle', '"100/60"', { count: 100, perMs: 60_000 }],
    ['throttle', '"100/0"', REFUSED],
    ['throttle', '100', REFUSED],
  ])('%s takes %s as %s (A-CF-10, A-CF-12, CF-08, CF-09, CF-13)', async (type, text, expected) => {
    expect(await read(type, text)).toEqual(expected)
  })

  it.each([
    ['"10.0.0.1:25"', { family: 4, address: '10.0.0.1', port: 25 }],
    ['"::1.25"', { family: 6, address: '::1', port: 25 }],
    ['"aa:bb:cc::dd.25"', { family: 6, address: 'aa:bb:cc::dd', port: 25 }],
    ['"[::1]:25"', { family: 6, address: '::1', port: 25 }],
    ['"::ffff:10.0.0.1.25"', { family: 6, address: '::ffff:10.0.0.1', port: 25 }],
    ['"10.0.0.1"', REFUSED],
    ['"10.0.0.1.25"', REFUSED],
    ['"::1:25"', REFUSED],
    ['"[10.0.0.1]:25"', REFUSED],
    ['"300.1.1.1:1"', REFUSED],
    ['"10.0.0.1:70000"', REFUSED],
  ])('sockaddr takes %s as %o (A-CF-11, CF-10)', async (text, expected) => {
    expect(await read('sockaddr', text)).toEqual(expected)
  })

  it('takes no port where there is none (A-CF-11, CF-10)', async () => {
    expect(await read('sockaddrPortless', '"10.0.0.1"')).toEqual({ family: 4, address: '10.0.0.1' })
    expect(await read('sockaddrPortless', '"[::1]"')).toEqual({ family: 6, address: '::1' })
    expect(await read('sockaddrPortless', '"10.0.0.1:25"')).toBe(REFUSED)
    expect(await read('sockaddrPortless', '"[::1]:25"')).toBe(REFUSED)
  })

  it('reads arrays in order, each element by its type (A-CF-12, CF-11)', async () => {
    expect(await read('int', '(4 3 2 1)', { isArray: true })).toEqual([4, 3, 2, 1])
    expect(await read('int', '()', { isArray: true })).toEqual([])
    expect(await read('int', '(4 x)', { isArray: true })).toBe(REFUSED)
    expect(await read('int', '4', { isArray: true })).toBe(REFUSED)
    expect(await read('int', '(4)')).toBe(REFUSED)
    expect(await read('int', '[ a = 4 ]')).toBe(REFUSED)
  })

  it('validates an array once, as a whole, and a default as one too (A-CF-12, CF-11, CF-15)', async () => {
    const config = new Config()
    const seen: (readonly number[])[] = []
    const list = config.registerOption({
      name: 'list',
      type: 'int',
      fallback: 'Global',
      flags: { isArray: true },
      default: '(1)',
      validate: ({ value }) => {
        seen.push(value)
        return value.length < 5
      },
    })
    expect(seen).toEqual([[1]])
    await config.loadText('list = (4 3 2 1)')
    expect(seen).toEqual([[1], [4, 3, 2, 1]])
    expect(seen[1]).toBe(config.value(list))
    await expect(config.loadText('list = (5 4 3 2 1)')).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' })
    // One that is not of its type comes to no validator.
    await expect(config.loadText('list = (1 x)')).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' })
    expect(seen).toHaveLength(3)
  })

  it('reads a query once, and remembers none that it refused (CF-21)', async () => {
    const config = new Config()
    const slot = config.registerOption({ name: 'key', type: 'int', fallback: 'Binding:Domain>Domain>Global' })
    await config.loadText(
      'key = 1 Domain "a" { key = 2 } Domain "b" { key = 3 } Binding "x" { Domain "a" { key = 4 } }',
    )
    let reads = 0
    const lying = {
      get domain() {
        return reads++ % 2 === 0 ? 'a' : 'b'
      },
    }
    expect(config.value(slot, lying)).toBe(2)
    expect(['a', 'b'].map((domain) => config.value(slot, { domain }))).toEqual([2, 3])
    expect(config.value(slot, { binding: 'x', domain: 'a' })).toBe(4)
    expect(config.value(slot, { domain: 'a' })).toBe(2)
    expect(() => config.value(slot, { binding: 'x', domain: 5 as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
    expect(config.value(slot, { binding: 'x', domain: 'a' })).toBe(4)
  })

  it('sets a dictionary to one that was fetched, and refuses what only looks like one (CF-12, CF-27)', async () => {
    const config = new Config()
    const d = config.registerOption({ name: 'd', type: 'dict', fallback: 'Global' })
    await config.loadText('d = [ b = 1 a = "x y" ]')
    await config.transaction((txn) => txn.set('d', config.value(d) as never))
    expect([...(config.value(d) as ReadonlyMap<string, string>)]).toEqual([
      ['b', '1'],
      ['a', 'x y'],
    ])
    for (const given of [new Date(), new URLSearchParams('a=1'), new Set(['a']), /a/, new (class A {})()])
      await expect(config.transaction((txn) => txn.set('d', given as never))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      })
    await config.transaction((txn) => txn.set('d', Object.assign(Object.create(null), { c: 1 }) as never))
    expect([...(config.value(d) as ReadonlyMap<string, string>)]).toEqual([['c', '1']])
  })

  it('reads dictionaries in order and compiles expressions (A-CF-12, CF-12, CF-13)', async () => {
    const dict = (await read('dict', '[ b = 1 a = "x y" B = 3 ]')) as ReadonlyMap<string, string>
    expect([...dict]).toEqual([
      ['b', '1'],
      ['a', 'x y'],
      ['B', '3'],
    ])
    expect(dict.get('a')).toBe('x y')
    expect(await read('dict', '1')).toBe(REFUSED)
    expect(await read('dict', '[ a = (1 2) ]')).toBe(REFUSED)
    expect(((await read('regex', '"^a+$"')) as RegExp).test('aaa')).toBe(true)
    expect(await read('regex', '"("')).toBe(REFUSED)
  })

  it('freezes what it returns to the ground (A-CF-16, CF-27)', async () => {
    const dict = (await read('dict', '[ a = 1 ]')) as Map<string, string>
    expect(Object.isFrozen(dict)).toBe(true)
    expect(() => dict.set('a', '2')).toThrow(TypeError)
    expect(() => Map.prototype.set.call(dict, 'a', '2')).toThrow(TypeError)
    const list = (await read('sockaddr', '("[::1]:1")', { isArray: true })) as { port: number }[]
    expect(() => list.push({ port: 2 })).toThrow(TypeError)
    expect(() => Object.assign(list[0]!, { port: 2 })).toThrow(TypeError)
    const regex = (await read('regex', 'a')) as RegExp
    expect(() => regex.compile('b')).toThrow(TypeError)
    expect(() => Object.assign(regex, { lastIndex: 3 })).toThrow(TypeError)
    expect(regex.source).toBe('a')
  })
})

describe('definitions', () => {
  it.each([
    ['a dash', { name: 'a-b' }, 'ERR_OPTION_DEF'],
    ['an empty name', { name: '' }, 'ERR_OPTION_DEF'],
    ['no name', { name: undefined }, 'ERR_OPTION_DEF'],
    ['an unknown type', { type: 'number' }, 'ERR_OPTION_DEF'],
    ['a type of Object', { type: 'constructor' }, 'ERR_OPTION_DEF'],
    ['a deprecated type', { type: 'ptr' }, 'ERR_TYPE_DEPRECATED'],
    ['a default of another type', { default: 'x' }, 'ERR_OPTION_DEF'],
    ['a default that is no value', { default: '/var/log' }, 'ERR_OPTION_DEF'],
    ['a default that is refused', { default: '1', validate: () => 0 }, 'ERR_OPTION_DEF'],
    ['a number as default', { default: 1 }, 'ERR_OPTION_DEF'],
    ['a path with an unknown scope', { fallback: 'Planet>Global' }, 'ERR_OPTION_DEF'],
    ['a path that repeats', { fallback: 'Global>Global' }, 'ERR_OPTION_DEF'],
    ['no path', { fallback: undefined }, 'ERR_OPTION_DEF'],
    ['a validator that is none', { validate: 1 }, 'ERR_OPTION_DEF'],
    ['the name of another', { name: 'TAKEN' }, 'ERR_OPTION_EXISTS'],
    [
      'the name of another in one step of two',
      { name: 'taken', fallback: 'Domain>Global' },
      'ERR_OPTION_EXISTS',
    ],
  ])('refuses %s (A-CF-8, CF-04, CF-06, CF-14, CF-19)', (_, part, code) => {
    const config = new Config()
    config.registerOption({ name: 'taken', type: 'int', fallback: 'Global' })
    const def = { name: 'fine', type: 'int', fallback: 'Global', ...part } as unknown as OptionDef
    expect(codeOf(() => config.registerOption(def))).toBe(code)
    expect(config.stats().options).toBe(1)
  })

  it('passes on what a getter throws, and registers nothing (CF-04)', () => {
    const config = new Config()
    const def = {
      type: 'int',
      fallback: 'Global',
      get name(): string {
        throw new RangeError('no name today')
      },
    } as const
    expect(() => config.registerOption(def)).toThrow('no name today')
    expect(config.stats().options).toBe(0)
  })

  it('allows the same key in stanzas of several modules (A-CF-8, CF-18)', async () => {
    const config = new Config()
    const one = config.registerOption({ name: 'key', type: 'int', fallback: '[one]', default: '1' })
    const two = config.registerOption({ name: 'key', type: 'string', fallback: 'two', default: 'x' })
    expect(config.slot('key')).toBeUndefined()
    expect(config.slot('key', 'TWO')).toBe(two)
    await config.loadText('one { key = 5 }\ntwo "a" { key = A }\ntwo "b" { key = B }')
    using a = config.fetchModule(two, { instance: 'a' })
    using b = config.fetchModule(two, { instance: 'b' })
    using none = config.fetchModule(two, {})
    expect([a.value, b.value, none.value]).toEqual(['A', 'B', 'x'])
    expect(config.value(one)).toBe(5)
  })

  it('reads what is active already for an option that comes later', async () => {
    const config = new Config()
    await config.loadText('limit = 5\nwrong = x')
    const limit = config.registerOption({ name: 'Limit', type: 'int', fallback: 'Global' })
    expect(config.value(limit)).toBe(5)
    const wrong = { name: 'wrong', type: 'int', fallback: 'Global' } as const
    expect(codeOf(() => config.registerOption(wrong))).toBe(REFUSED)
    expect(config.slot('wrong')).toBeUndefined()
  })

  it('refuses the slot of another Config and what is no slot', () => {
    const one = new Config()
    const two = new Config()
    const slot = one.registerOption({ name: 'a', type: 'int', fallback: 'Global', default: '1' })
    two.registerOption({ name: 'b', type: 'int', fallback: 'Global', default: '2' })
    expect(codeOf(() => two.value(slot))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => one.value({ index: 0 } as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => one.value(slot, { domain: 7 } as never))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('lists options with scope, type, default and origin, and scopes of modules (A-CF-24, CF-35, CF-36, MX-08)', async () => {
    const config = new Config()
    config.defineScope({ name: 'ThreadPool' })
    config.defineScope({ name: 'ThreadPool' })
    const core = config.registerOption({
      name: 'threads',
      type: 'int',
      fallback: 'ThreadPool>Global',
      default: '4',
    })
    config.registerOption({ name: 'key', type: 'bool', fallback: '[mod]', default: 'on' })
    await config.loadText('ThreadPool "io" {\n  Threads = 8\n}', { file: 'app.conf' })
    expect(config.value(core, { scopes: { threadpool: 'io' } })).toBe(8)
    expect(config.value(core, { scopes: { ThreadPool: 'cpu' } })).toBe(4)
    using generic = config.fetchGeneric(null, core, null, null, 'ThreadPool', 'io')
    expect(generic.value).toBe(8)
    expect(config.options({ module: 'core' })).toEqual([
      {
        name: 'threads',
        module: 'core',
        type: 'int',
        isArray: false,
        notTunableOnline: false,
        scope: 'ThreadPool>Global',
        default: '4',
        origin: 'app.conf:2',
        settings: [{ path: 'ThreadPool "io".Threads', origin: 'app.conf:2' }],
      },
    ])
    expect(config.options({ name: /^KEY$/i }).map(({ origin, module }) => [origin, module])).toEqual([
      ['default', 'mod'],
    ])
    expect(config.locate('THREADS')).toEqual([{ path: 'ThreadPool "io".Threads', origin: 'app.conf:2' }])
    expect(codeOf(() => config.defineScope({ name: 'ThreadPool', instances: false }))).toBe(
      'ERR_CONFIG_SCOPE',
    )
    expect(codeOf(() => config.defineScope({ name: 'X', parents: ['Nowhere'] }))).toBe('ERR_CONFIG_SCOPE')
  })
})
