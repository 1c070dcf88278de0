import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  defineModule,
  defineOption,
  generateEcm,
  HeddleError,
  type ModuleSpec,
  memtypes,
  withAutoLines,
} from '../../lib'
import { put, siteOf, thrownBy } from './modules-harness'

/** The text of a module that logs; `setup` and `init` are statements of its functions. */
function code(name: string, { setup = '', init = '' }: { setup?: string; init?: string } = {}): string {
  return `
    import { dirname } from 'node:path'
    import { fileURLToPath } from 'node:url'
    const log = globalThis[dirname(fileURLToPath(import.meta.url))]
    export default {
      name: '${name}',
      confSetup(self, context) { log.push('${name} setup'); ${setup} },
      extInit(self, txn, output, flags) { if (flags.mode !== 'destroy') log.push('${name} ' + flags.mode); ${init} },
    }`
}

describe('requirements in the configuration', () => {
  it('are set up first, each once, without stanzas (A-MO-6, MO-03)', async () => {
    const { config, log, modules } = siteOf({
      'a.ecm': '[a]\nmsys.requires = b',
      'a.mjs': code('a'),
      'b.ecm': '[b]\nmsys.requires = c',
      'b.mjs': code('b'),
      'c.ecm': '[c]',
      'c.mjs': code('c'),
      'd.ecm': '[d]\nmsys.requires = c',
      'd.mjs': code('d'),
    })
    await config.loadText('a { }\nd { }')
    expect(log).toEqual(['c setup', 'b setup', 'a setup', 'd setup', 'c init', 'b init', 'a init', 'd init'])
    expect(modules.loaded().map(({ name }) => name)).toEqual(['c', 'b', 'a', 'd'])
  })

  it('that cannot be met fail the transaction (A-MO-6, MO-03)', async () => {
    const { config, log } = siteOf({
      'a.ecm':
        '[a]\nmsys.requires = b\n[b]\nmsys.requires = a\n[x]\nmsys.requires = gone\n[y]\nmsys.requires = off\n[off]',
      'a.mjs': 'export {}',
    })
    expect(await thrownBy(config.loadText('a { }'))).toMatchObject({
      code: 'ERR_MODULE_CYCLE',
      message: expect.stringContaining('a -> b -> a'),
    })
    expect(await thrownBy(config.loadText('x { }'))).toMatchObject({
      code: 'ERR_MODULE_DEP',
      message: expect.stringContaining('x requires gone'),
    })
    expect(await thrownBy(config.loadText('y { }\noff { enabled = off }'))).toMatchObject({
      code: 'ERR_MODULE_DEP',
    })
    expect(log).toEqual([])
    expect(config.generation).toBe(0)
  })
})

describe('an option in a scope', () => {
  const files = {
    'mod.ecm': '[mod]\nmsys.provides = config.Global:MyKey\nmsys.provides = config.Global:Domain.MyKey',
    'mod.mjs': code('mod', {
      setup: `context.registerOption({ name: 'MyKey', type: 'int', fallback: 'Domain>Global', default: '1' })`,
    }),
  }

  it.each(['MyKey = 5', 'Domain "x" { mykey = 5 }'])('loads its module: %s (A-MO-7, MO-05)', async (text) => {
    const { config, log, reports, modules } = siteOf(files)
    await config.loadText(text)
    expect(log).toEqual(['mod setup', 'mod init'])
    expect(reports).toEqual([['implicit-load', { module: 'mod', option: expect.stringMatching(/mykey$/i) }]])
    expect(modules.loaded()).toHaveLength(1)
    // Its options are known before the values are read.
    expect(config.value(config.slot('MyKey') as never, { domain: 'x' })).toBe(5)
  })

  it('is none of a module where its name could not be an option, nor what stands in such a stanza (MO-05)', async () => {
    const { config, log } = siteOf(files)
    await config.loadText('Domain "x" { a-b = 1 }\nno-module { MyKey = 5 }\nc-d = 2')
    expect([log, config.generation]).toEqual([[], 1])
  })

  it('is validated after the load, and what is not valid fails all of it (A-MO-7, MO-05)', async () => {
    const { config, modules } = siteOf(files)
    expect(await thrownBy(config.loadText('MyKey = five'))).toMatchObject({ code: 'ERR_CONFIG_VALUE' })
    expect(modules.loaded()).toEqual([])
    expect(config.options({ module: 'mod' })).toEqual([])
  })

  it('is a stranger where its module is switched off (MO-05, MO-17)', async () => {
    const { config, log, modules } = siteOf(files)
    const { warnings } = await config.loadText('MyKey = 5\nmod { enabled = no }')
    expect([log, modules.loaded()]).toEqual([[], []])
    expect(warnings).toMatchObject([{ option: expect.stringMatching(/mykey/i) }])
  })

  it('and a stanza give one object, and are no implicit load (MO-06)', async () => {
    const { config, log, reports, modules } = siteOf(files)
    await config.loadText('MyKey = 5\nmod { }')
    expect(log).toEqual(['mod setup', 'mod init'])
    expect(modules.loaded()).toHaveLength(1)
    expect(reports).toEqual([])
  })

  it('needs no provides lines once its module has registered it (MO-06)', async () => {
    const { config, modules } = siteOf({ ...files, 'mod.ecm': '[mod]' })
    await config.loadText('mod { }')
    await config.loadText('')
    expect(modules.loaded()).toEqual([])
    await config.loadText('MyKey = 5')
    expect(modules.loaded().map(({ name }) => name)).toEqual(['mod'])
  })

  it('whose module cannot be loaded fails the transaction (MO-05)', async () => {
    const { config } = siteOf({ 'mod.ecm': '[mod]\nmsys.provides = config.Global:MyKey' })
    expect(await thrownBy(config.loadText('MyKey = 5'))).toMatchObject({
      code: 'ERR_MODULE_LOAD',
      module: 'mod',
    })
  })
})

describe('a capability', () => {
  const files = {
    'one.ecm': '[one]\nmsys.provides = spool',
    'one.mjs': code('one', {
      setup: `context.registerOption({ name: 'spool_size', type: 'int', fallback: 'Global', default: '1' });
        self.hooks.declareVoid('spool', 'stored');
        throw new Error('no disk')`,
    }),
    'two.ecm': '[two]\nmsys.provides = spool',
    'two.mjs': code('two', {
      setup: `context.registerOption({ name: 'spool_size', type: 'int', fallback: 'Global', default: '2' });
        self.hooks.declareVoid('spool', 'stored', { callable: true })`,
    }),
    'user.ecm': '[user]\nmsys.requires = spool',
    'user.mjs': code('user'),
  }

  it('is had from the first provider that loads; what failed is told, and leaves nothing (A-MO-13, MO-16)', async () => {
    const { config, modules, log, failures, hooks } = siteOf(files)
    await config.loadText('user { }')
    expect(log).toEqual(['one setup', 'two setup', 'user setup', 'two init', 'user init'])
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatchObject({ code: 'ERR_MODULE_FAILED', module: 'one' })
    expect(failures[0]?.message).toContain('no disk')
    expect(config.options({ name: 'spool_size' }).map(({ module }) => module)).toEqual(['two'])
    expect(hooks.list().find(({ scope }) => scope === 'spool')?.owner).toBe('two')
    expect(modules.loaded().map(({ name }) => name)).toEqual(['two', 'user'])
  })

  it.each(['user { }\ntwo { }', 'two { }\nuser { }'])(
    'is had from the module that has a stanza, whatever its place: %j (MO-16)',
    async (text) => {
      const { config, log, modules, failures } = siteOf({ ...files, 'one.mjs': code('one') })
      await config.loadText(text)
      expect(modules.loaded().map(({ name }) => name)).toEqual(['two', 'user'])
      expect([log.includes('one setup'), failures]).toEqual([false, []])
    },
  )

  it('is had from the module that has provided it so far (MO-16)', async () => {
    const { config, log, failures } = siteOf(files)
    for (let i = 0; i < 3; i++) await config.loadText('user { }')
    expect(log.filter((line) => line === 'one setup')).toHaveLength(1)
    expect(failures).toHaveLength(1)
  })

  it('is not had from a module that is switched off, if there is another (MO-16, MO-17)', async () => {
    const { config, log, failures } = siteOf(files)
    await config.loadText('user { }\none { enabled = no }')
    expect([log.includes('one setup'), failures]).toEqual([false, []])
    const error = await thrownBy(config.loadText('user { }\none { enabled = no }\ntwo { enabled = no }'))
    expect(error).toMatchObject({
      code: 'ERR_MODULE_DEP',
      message: expect.stringContaining('enabled = false'),
    })
  })

  it('may be a module itself, and to resolve changes nothing that was to be written (MO-16)', async () => {
    const { config, modules } = siteOf(files)
    await config.loadText('')
    expect(await modules.resolve('two')).toBe('two')
    expect(await modules.resolve('two')).toBe('two')
    expect([config.generation, config.dirty]).toEqual([2, false])
    await config.loadText('')
    expect(modules.loaded().map(({ name }) => name)).toEqual(['two'])
  })

  it('is resolved by a new generation, and stays (MO-16)', async () => {
    const { config, modules } = siteOf(files)
    await config.loadText('')
    expect(await modules.resolve('spool')).toBe('two')
    expect(await modules.resolve('spool')).toBe('two')
    expect(config.generation).toBe(2)
    await config.loadText('')
    expect(modules.loaded().map(({ name }) => name)).toEqual(['two'])
    expect(await thrownBy(modules.resolve('nothing'))).toMatchObject({ code: 'ERR_MODULE_DEP' })
    await config.loadText('')
    expect(modules.loaded()).toHaveLength(1)
  })
})

describe('memtypes of a module', () => {
  const setup = (description: string): string =>
    `context.registerMemtype({ description: '${description}', kind: 'fixed', size: 8 })`

  it('are made when nothing can fail any more (A-MO-9, MO-09)', async () => {
    const { config } = siteOf({
      'mod.ecm': '[mod]',
      'mod.mjs': code('mod', { setup: setup('loading:late') }),
    })
    const failing = config.loadText('mod { }\nScript "x" { file = "/nonexistent.mjs" }')
    expect(await thrownBy(failing)).toMatchObject({ code: 'ERR_MODULE_LOAD' })
    expect(memtypes.byName('loading:late')).toBe(-1)
    await config.loadText('mod { }')
    expect(memtypes.byName('loading:late')).not.toBe(-1)
  })

  it('that are refused fail the set-up (MO-09)', async () => {
    const { config } = siteOf({ 'mod.ecm': '[mod]', 'mod.mjs': code('mod', { setup: setup('no colon') }) })
    memtypes.register({ description: 'loading:other', kind: 'fixed', size: 16 })
    const error = await thrownBy(config.loadText('mod { }'))
    expect(error).toMatchObject({ code: 'ERR_MODULE_FAILED', phase: 'confSetup' })
    expect(error.cause).toMatchObject({ code: 'EINVAL' })
    const other = siteOf({ 'mod.ecm': '[mod]', 'mod.mjs': code('mod', { setup: setup('loading:other') }) })
    expect((await thrownBy(other.config.loadText('mod { }'))).cause).toMatchObject({ code: 'EINVAL' })
  })
})

describe('a resolution', () => {
  it('among other transactions disturbs none of them (MO-16)', async () => {
    const { config, modules } = siteOf({
      'one.ecm': '[one]\nmsys.provides = spool',
      'one.mjs': code('one'),
    })
    await config.loadText('')
    const results = await Promise.allSettled([
      config.loadText(''),
      modules.resolve('spool'),
      modules.resolve('nothing'),
      config.loadText(''),
      modules.resolve('spool'),
    ])
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(modules.loaded().map(({ name }) => name)).toEqual(['one'])
  })
})

describe('a module with the name of a scope', () => {
  it.each([
    ['a singleton', true],
    ['one with instances', false],
  ])('is refused: %s (MO-08)', async (_, singleton) => {
    const { config, modules } = siteOf()
    modules.add({ name: 'Domain', singleton, confSetup: () => 0, extInit: () => 0 })
    const error = await thrownBy(config.loadText('Domain "x" { }'))
    expect(error.code).toBe('ERR_MODULE_DEF')
    expect(config.options({ module: 'domain' })).toEqual([])
  })
})

describe('the file of a module', () => {
  it.each([
    ['x.mjs', `export default { name: 'mod', confSetup() {}, extInit() {} }`],
    ['x.mjs', `export const other = 1; export const it = { name: 'MOD', confSetup() {}, extInit() {} }`],
    ['x.cjs', `module.exports = { name: 'mod', confSetup() {}, extInit() {} }`],
    ['x.cjs', `exports.it = { name: 'mod', confSetup() {}, extInit() {} }`],
    [
      'x.js',
      `exports.two = { name: 'other', confSetup() {}, extInit() {} }; exports.it = { name: 'mod', confSetup() {}, extInit() {} }`,
    ],
  ])('has the name of the manifest: %s, %s (MO-02, MO-20)', async (name, text) => {
    const { config, modules, folder } = siteOf({ 'x.ecm': '[mod]', [name]: text })
    await config.loadText('mod { }')
    expect(modules.loaded()).toMatchObject([{ file: join(folder, name) }])
  })

  it.each([
    ['nothing there', undefined, 'ERR_MODULE_LOAD'],
    ['a syntax error', 'export default {', 'ERR_MODULE_LOAD'],
    ['one that throws', `throw new Error('no luck')`, 'ERR_MODULE_LOAD'],
    ['no module', `export default 5`, 'ERR_MODULE_LOAD'],
    [
      'a module of another name',
      `export default { name: 'b', confSetup() {}, extInit() {} }`,
      'ERR_MODULE_LOAD',
    ],
    ['a module without extInit', `export default { name: 'mod', confSetup() {} }`, 'ERR_MODULE_DEF'],
    [
      'a legacy slot',
      `export default { name: 'mod', confSetup() {}, extInit() {}, postInit() {} }`,
      'ERR_MODULE_LEGACY_SLOT',
    ],
    [
      'exports that throw',
      `export default new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 } })`,
      'ERR_MODULE_LOAD',
    ],
  ])(
    'with %s fails the transaction, and is read again when it has been mended (MO-05, A-MO-10)',
    async (_what, text, errorCode) => {
      const { config, modules, folder } = siteOf({ 'mod.ecm': '[mod]' })
      if (text !== undefined) put(join(folder, 'mod.mjs'), text)
      expect(await thrownBy(config.loadText('mod { }'))).toMatchObject({ code: errorCode })
      expect(modules.loaded()).toEqual([])
      put(join(folder, 'mod.mjs'), code('mod'))
      await config.loadText('mod { }')
      expect(modules.loaded()).toHaveLength(1)
    },
  )

  it("of a stanza that no manifest knows is nobody's business here (MO-06)", async () => {
    const { config, modules } = siteOf()
    await config.loadText('Domain "x" { }')
    expect(modules.loaded()).toEqual([])
  })
})

describe('defineModule', () => {
  const good: ModuleSpec = { name: 'mod', confSetup: () => 0, extInit: () => 0 }

  it.each([
    ['nothing', undefined, 'ERR_MODULE_DEF'],
    ['no name', { ...good, name: '' }, 'ERR_MODULE_DEF'],
    ['a bad name', { ...good, name: 'a b' }, 'ERR_MODULE_DEF'],
    ['no confSetup', { ...good, confSetup: undefined }, 'ERR_MODULE_DEF'],
    ['no extInit', { ...good, extInit: null }, 'ERR_MODULE_DEF'],
    ['a control that is no function', { ...good, control: 'status' }, 'ERR_MODULE_DEF'],
    ['a singleton that is no truth', { ...good, singleton: 1 }, 'ERR_MODULE_DEF'],
    ['options that are none', { ...good, options: { a: 5 } }, 'ERR_MODULE_DEF'],
    [
      'a getter that throws',
      Object.defineProperty({ ...good }, 'name', {
        get() {
          throw new Error('no')
        },
      }),
      'ERR_MODULE_DEF',
    ],
    ...['conf', 'extConf', 'init', 'postInit', 'enable', 'canUnload'].map(
      (slot): [string, object, string] => [
        `the slot ${slot}`,
        { ...good, [slot]: () => 0 },
        'ERR_MODULE_LEGACY_SLOT',
      ],
    ),
  ])('refuses %s (A-MO-10, MO-08)', (_what, spec, errorCode) => {
    expect(() => defineModule(spec as never)).toThrow(HeddleError)
    expect(() => defineModule(spec as never)).toThrow(expect.objectContaining({ code: errorCode }))
  })

  it('takes slots of old that are null (A-MO-10, MO-08)', () => {
    expect(
      defineModule({ ...good, conf: null, canUnload: undefined, control: null } as never).control,
    ).toBeUndefined()
  })

  it('makes an infrastructure of which nothing but private data can change (A-MO-10, MO-08)', async () => {
    const { config, modules } = siteOf()
    modules.add(defineModule({ ...good, description: 'what it is' }))
    await config.loadText('mod { }')
    modules.withClosure('mod', (self) => {
      expect(self).toMatchObject({
        type: 'generic',
        name: 'mod',
        description: 'what it is',
        singleton: false,
        file: '<program>',
      })
      const open = self as unknown as Record<string, unknown>
      for (const name of ['name', 'extInit', 'control', 'hooks', 'startedWithSystem', 'options', 'anything'])
        expect(() => {
          open[name] = 'changed'
        }).toThrow(TypeError)
      expect(() => Object.defineProperty(Object.getPrototypeOf(self), 'fetch', { value: 1 })).toThrow(
        TypeError,
      )
      self.privateData = { count: 1 }
      expect(self.privateData).toEqual({ count: 1 })
    })
  })
})

describe('a closure outside of hooks', () => {
  it('is that of the active generation, alive until it is given back (A-HK-10, HK-12)', async () => {
    const { config, modules, log } = siteOf({
      'mod.ecm': '[mod]',
      'mod.mjs': code('mod', { init: `if (flags.mode === 'destroy') log.push('destroyed')` }),
    })
    await config.loadText('mod { }')
    let finish = (): void => {}
    const working = modules.withClosure('mod', async (self) => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      expect(self.withClosure((now) => now)).not.toBe(self)
      return log.includes('destroyed')
    })
    await config.loadText('mod { }')
    finish()
    expect(await working).toBe(false)
    await nextTurn()
    expect(config.liveGenerations()).toEqual([2])
    await config.loadText('')
    expect(() => modules.withClosure('mod', () => 1)).toThrow(
      expect.objectContaining({ code: 'ERR_MODULE_UNKNOWN' }),
    )
    expect(config.stats().holds).toBe(0)
  })
})

describe('automatic lines of a manifest', () => {
  const text = [
    '# of the module',
    '[mod]',
    'msys.requires = base',
    'msys.provides = config.Global:ByHand',
    'msys.provides:auto = config.Global.Gone',
    '',
    '# of the other',
    '[other]',
    '',
  ]

  it.each(['\n', '\r\n'])(
    'are replaced, and nothing else; a second run changes nothing (A-MO-8, MO-07) %j',
    (newline) => {
      const provided = (module: string): string[] =>
        module === 'mod' ? ['config.Global.Key', 'config.Global:Domain.Key'] : []
      const once = withAutoLines(text.join(newline), provided)
      expect(once.split(newline)).toEqual([
        ...text.slice(0, 4),
        'msys.provides:auto = config.Global.Key',
        'msys.provides:auto = config.Global:Domain.Key',
        ...text.slice(5),
      ])
      expect(withAutoLines(once, provided)).toBe(once)
      expect(withAutoLines(once, () => [])).toBe([...text.slice(0, 4), ...text.slice(5)].join(newline))
    },
  )

  it('have the ends of the lines around them, which stay as they are (A-MO-8, MO-07)', () => {
    const mixed = '[mod]\nmsys.requires = a\r\n# end'
    const made = withAutoLines(mixed, () => ['config.Global.Key'])
    expect(made).toBe('[mod]\nmsys.requires = a\r\nmsys.provides:auto = config.Global.Key\n# end')
    expect(withAutoLines(made, () => ['config.Global.Key'])).toBe(made)
    expect(withAutoLines('[mod]', () => ['x'])).toBe('[mod]\nmsys.provides:auto = x\n')
  })

  it('come from the options that a module declares (A-MO-8, MO-07)', async () => {
    const { folder } = siteOf({
      'mod.ecm': '[mod]\n',
      'mod.mjs': `export default { name: 'mod', options: {
        own: { type: 'int' }, Key: { type: 'int', fallback: 'Binding:Domain>Domain>Global' }, other: { name: 'Other', type: 'int', fallback: 'Global' },
      }, confSetup() { throw new Error('not called') }, extInit() {} }`,
    })
    const file = join(folder, 'mod.ecm')
    const generated = await generateEcm(file)
    expect(generated.isChanged).toBe(true)
    expect(generated.text).toBe(
      [
        '[mod]',
        'msys.provides:auto = config.Global.Key',
        'msys.provides:auto = config.Global.Other',
        'msys.provides:auto = config.Global:Binding:Domain.Key',
        'msys.provides:auto = config.Global:Domain.Key',
        '',
      ].join('\n'),
    )
    expect(readFileSync(file, 'utf8')).toBe('[mod]\n')
    put(file, generated.text)
    expect((await generateEcm(file)).isChanged).toBe(false)
    expect(defineOption({ type: 'int' })).toEqual({ type: 'int' })
  })
})
