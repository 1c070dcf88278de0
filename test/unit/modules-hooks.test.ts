import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import type { Infrastructure, ModuleSpec } from '../../lib'
import { put, siteOf, thrownBy } from './modules-harness'

/** A module whose phases do what they are told; it keeps the codes of what they throw. */
function trying(
  name: string,
  phases: { setup?: (self: Infrastructure) => void; init?: (self: Infrastructure, mode: string) => void },
  codes: string[],
  singleton = false,
): ModuleSpec {
  const noted = (phase: string, act: () => void): void => {
    try {
      act()
      codes.push(`${phase} ok`)
    } catch (error) {
      codes.push(`${phase} ${(error as { code?: string }).code}`)
    }
  }
  return {
    name,
    singleton,
    confSetup: (self) => (phases.setup === undefined ? 0 : noted('confSetup', () => phases.setup?.(self))),
    extInit: (self, _txn, _output, { mode, privileged }) => {
      if (phases.init !== undefined)
        noted(privileged ? `${mode} privileged` : mode, () => phases.init?.(self, mode))
    },
  }
}

const provider = (): undefined => undefined

describe('providers of modules', () => {
  it('are registered in the phases of their kind only (A-HK-6, HK-08)', async () => {
    const { config, modules, hooks } = siteOf()
    const codes: string[] = []
    const register = (self: Infrastructure): void =>
      void self.hooks.register('test', 'told', 'last', provider, self)
    modules.add(trying('plain', { setup: register, init: register }, codes))
    modules.add(trying('single', { setup: register, init: register }, codes, true))
    await config.loadText('plain { }\nsingle { }')
    await modules.postInit()
    await config.loadText('single { }')
    expect(codes).toEqual([
      'confSetup ERR_PHASE',
      'confSetup ok',
      'init privileged ERR_PHASE',
      'init privileged ERR_PHASE',
      'postinit ok',
      'postinit ERR_PHASE',
      'init ERR_PHASE',
      'destroy ERR_PHASE',
    ])
    expect(() => hooks.register('test', 'told', 'last', provider, {})).toThrow(
      expect.objectContaining({ code: 'ERR_PHASE' }),
    )
  })

  it('have the module as their closure (A-HK-6, HK-09)', async () => {
    const { config, modules } = siteOf()
    const codes: string[] = []
    const register = (self: Infrastructure): void =>
      void self.hooks.register('test', 'told', 'last', provider, {})
    modules.add(trying('plain', { init: register }, codes))
    await config.loadText('')
    await modules.postInit()
    await config.loadText('plain { }')
    expect(codes).toEqual(['init ERR_HOOK_CLOSURE'])
  })

  it('are not registered from a worker (A-HK-6, HK-08)', async () => {
    // The thread of the modules is inherited by the workers that it starts.
    siteOf()
    const program = `
      const { parentPort } = require('node:worker_threads')
      const { Config, Hooks, Modules } = require(${JSON.stringify(join(__dirname, '../../dist/index.js'))})
      const hooks = new Hooks({ phases: true })
      const config = new Config({ hooks })
      new Modules({ config, hooks }).add({
        name: 'mod',
        singleton: true,
        confSetup: (self) => void self.hooks.register('test', 'told', 'last', () => undefined, self),
        extInit: () => 0,
      })
      config.loadText('mod { }').then(
        () => parentPort.postMessage('registered'),
        ({ module, cause }) => parentPort.postMessage([module, cause && cause.code]),
      )`
    const worker = new Worker(program, { eval: true })
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    expect(answer).toEqual(['mod', 'ERR_WRONG_THREAD'])
  })

  it('are called in the order of the stanzas (HK-03)', async () => {
    const { config, modules, hooks } = siteOf()
    const order: string[] = []
    const hook = hooks.declareVoid('test', 'told')
    for (const name of ['one', 'two'])
      modules.add(
        trying(
          name,
          {
            init: (self, mode) => {
              if (mode === 'init')
                self.hooks.register('test', 'told', 'last', () => void order.push(name), self)
            },
          },
          [],
        ),
      )
    await config.loadText('')
    await modules.postInit()
    await config.loadText('two { }\none { }')
    hook.call()
    expect(order).toEqual(['two', 'one'])
  })
})

describe('calls of modules', () => {
  it('do not reach hooks of the core; those of modules they do (A-HK-7, HK-06)', async () => {
    const { config, modules, hooks } = siteOf()
    hooks.declareVoid('core', 'message_enqueue')
    hooks.declareVoid('core', 'open', { callable: true })
    const codes: string[] = []
    const call = (scope: string, name: string) => (self: Infrastructure) =>
      void self.hooks.resolve(scope, name)?.call()
    modules.add(trying('core_caller', { setup: call('core', 'message_enqueue') }, codes))
    modules.add(trying('open_caller', { setup: call('core', 'open') }, codes))
    modules.add(trying('owner', { setup: (self) => self.hooks.declareVoid('owner', 'told').call() }, codes))
    modules.add(trying('other', { setup: call('owner', 'told') }, codes))
    modules.add(
      trying('false_owner', { setup: (self) => void self.hooks.declareVoid('core', 'mine') }, codes),
    )
    await config.loadText('core_caller { }\nopen_caller { }\nowner { }\nother { }\nfalse_owner { }')
    expect(codes).toEqual([
      'confSetup ERR_HOOK_SCOPE',
      'confSetup ok',
      'confSetup ok',
      'confSetup ok',
      'confSetup ERR_HOOK_SCOPE',
    ])
  })

  it('find a hook whose module comes later (A-HK-13, HK-14)', async () => {
    const { config, modules } = siteOf()
    const found: unknown[] = []
    modules.add({
      name: 'consumer',
      confSetup: () => 0,
      extInit: () => 0,
      control: (self, response) => {
        const hook = self.hooks.resolve<[], string>('provider', 'name')
        response.push(hook === undefined ? 'nobody' : hook.call())
      },
    })
    modules.add({
      name: 'provider',
      singleton: true,
      confSetup: (self) => {
        const hook = self.hooks.declare<[], string>('provider', 'name', { default: 'default' })
        hook.registerLast(() => 'here', self)
        found.push(hook.has())
      },
      extInit: () => 0,
    })
    await config.loadText('consumer { }')
    expect((await modules.control('consumer ask')).text).toBe('nobody')
    await config.loadText('consumer { }\nprovider { }')
    expect((await modules.control('consumer ask')).text).toBe('here')
  })

  it('of two modules cannot declare one hook in two ways (HK-13)', async () => {
    const { config, modules } = siteOf()
    modules.add({
      name: 'one',
      confSetup: (self) => void self.hooks.declareVoid('shared', 'x'),
      extInit: () => 0,
    })
    modules.add({
      name: 'two',
      confSetup: (self) => void self.hooks.declare('shared', 'x', { default: 1 }),
      extInit: () => 0,
    })
    const error = await thrownBy(config.loadText('one { }\ntwo { }'))
    expect(error).toMatchObject({ code: 'ERR_MODULE_FAILED', module: 'two' })
    expect(error.cause).toMatchObject({ code: 'ERR_HOOK_EXISTS', owners: ['one', 'two'] })
  })
})

describe('commands of modules', () => {
  const asked = (control: ModuleSpec['control']): ModuleSpec => ({
    name: 'mod',
    confSetup: () => 0,
    extInit: () => 0,
    control,
  })

  it('get the words after the name, and the wish for XML (A-MO-11, MO-14)', async () => {
    const { config, modules } = siteOf()
    const calls: unknown[] = []
    modules.add(
      asked((self, response, command, { xml }) => {
        calls.push([self.name, command, xml])
        response.push('done')
      }),
    )
    await config.loadText('mod { }')
    expect(await modules.control('mod status')).toEqual({ ok: true, text: 'done' })
    expect(await modules.control('  MOD   set "a b"  c ')).toEqual({ ok: true, text: 'done' })
    expect((await modules.control('mod', { xml: true })).text).toContain('done')
    expect(calls).toEqual([
      ['mod', 'status', false],
      ['mod', 'set "a b"  c', false],
      ['mod', '', true],
    ])
  })

  it('that fail are text, and the console goes on (A-MO-11, MO-14)', async () => {
    const { config, modules } = siteOf()
    modules.add(
      asked((_self, response, command) => {
        response.push('begun\n')
        if (command === 'throw') throw new Error('no luck')
        if (command === 'reject') return Promise.reject(new Error('no luck'))
        return undefined
      }),
    )
    modules.add({ name: 'mute', confSetup: () => 0, extInit: () => 0 })
    await config.loadText('mod { }\nmute { }')
    for (const command of ['throw', 'reject']) {
      const { ok, text } = await modules.control(`mod ${command}`)
      expect(ok).toBe(false)
      expect(text).toContain('begun\n')
      expect(text).toContain('mod: no luck')
    }
    expect(await modules.control('mod status')).toEqual({ ok: true, text: 'begun\n' })
    expect((await modules.control('mute status')).text).toContain('no commands')
    expect((await modules.control('nobody status')).ok).toBe(false)
    await config.loadText('')
    expect((await modules.control('mod status')).ok).toBe(false)
  })

  it('append in order, and XML is well-formed whatever they append (A-MO-15, MX-04)', async () => {
    const { config, modules } = siteOf()
    modules.add(
      asked((_self, response) => {
        response.printf('%s is %d\n', 'size', 5)
        response.push('a < b & "c" ]]> \u0001')
        response.fields({ state: '<up>' })
      }),
    )
    await config.loadText('mod { }')
    expect((await modules.control('mod x')).text).toBe('size is 5\na < b & "c" ]]> \u0001state: <up>\n')
    const { text } = await modules.control('mod x', { xml: true })
    expect(text.indexOf('size is 5')).toBeGreaterThan(0)
    expect(text.indexOf('size is 5')).toBeLessThan(text.indexOf('a &lt; b'))
    expect(text).toContain('<state>&lt;up&gt;</state>')
    expect(text).not.toContain('\u0001')
    expect(text).not.toContain('a < b')
  })

  it.each([
    ['that of a module', 'two', 'two'],
    ['that of an instance', 'two:a', 'two'],
    ['that of another one', 'shared', 'one'],
  ])('cannot have a name that is taken: %s (MO-14, CN-05)', async (_what, name, other) => {
    const { config, modules } = siteOf()
    const registers = (module: string, command: string): ModuleSpec => ({
      name: module,
      confSetup: (_self, context) => context.registerCommand(command, () => 'x'),
      extInit: () => 0,
    })
    modules.add(registers('one', name))
    modules.add(registers('two', 'shared'))
    const error = await thrownBy(config.loadText('one { }\ntwo { }'))
    expect(error).toMatchObject({ code: 'ERR_NAME_TAKEN', message: expect.stringContaining(other) })
    expect(error.message).toContain(name)
    expect(config.generation).toBe(0)
    await config.loadText('one { }')
  })

  it('are of the module that registers them, as its options are (MO-09)', async () => {
    const { config, modules } = siteOf()
    modules.add({
      name: 'mod',
      confSetup: (_self, context) =>
        void context.registerOption({ name: 'Mine', type: 'int', fallback: 'Global', module: 'core' }),
      extInit: () => 0,
    })
    await config.loadText('mod { }')
    expect(config.options({ name: 'Mine' }).map(({ module }) => module)).toEqual(['mod'])
  })

  it('keep their generation while they run (MO-14)', async () => {
    const { config, modules } = siteOf()
    const log: string[] = []
    let goOn = (): void => {}
    let begun = (): void => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    modules.add({
      ...asked(async (_self, response) => {
        begun()
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
        log.push('command ends')
        response.push('ok')
      }),
      extInit: (_self, _txn, _output, { mode }) => void log.push(mode),
    })
    await config.loadText('mod { }')
    const answer = modules.control('mod wait')
    await running
    await config.loadText('')
    goOn()
    expect(await answer).toEqual({ ok: true, text: 'ok' })
    await modules.close()
    expect(log).toEqual(['init', 'command ends', 'destroy'])
  })
})

describe('scripts', () => {
  const script = (answer: string, more = ''): string =>
    `export default { name: '${answer}', test_told(self, word) { return self.name + ' ' + word }, ${more} }`

  it('provide hooks by the names of their functions; a reload replaces the table, an error leaves it (A-MO-16, A-HK-11, HK-15, MX-07)', async () => {
    const { config, hooks, folder } = siteOf({
      'x.mjs': script('first', '_own() {}, test_other() { return 1 }'),
    })
    const hook = hooks.declare<[string], unknown>('test', 'told', { default: 'nobody' })
    const other = hooks.declare<[], unknown>('test', 'other', { default: 'nobody' })
    const text = `Script "x" { file = "${join(folder, 'x.mjs')}" }`
    await config.loadText(text)
    expect([hook.call('a'), other.call()]).toEqual(['first a', 1])
    expect(hooks.scripts.list()).toEqual([{ name: 'x', hooks: ['test.told', 'test.other'], unknown: [] }])
    put(join(folder, 'x.mjs'), script('second'))
    await config.loadText(text)
    expect([hook.call('a'), other.call()]).toEqual(['second a', 'nobody'])
    for (const broken of [
      'export default {',
      `throw new Error('no luck')`,
      `export default { get test_told() { throw 1 } }`,
    ]) {
      put(join(folder, 'x.mjs'), broken)
      expect(await thrownBy(config.loadText(text))).toMatchObject({
        code: 'ERR_MODULE_LOAD',
        file: join(folder, 'x.mjs'),
      })
      expect([hook.call('a'), config.generation]).toEqual(['second a', 2])
    }
    await config.loadText('')
    expect(hook.call('a')).toBe('nobody')
  })

  it('lie where the file says that names them (MX-07)', async () => {
    const { config, hooks, folder } = siteOf({
      'scripts/x.mjs': script('found'),
      'app.conf': 'Script "x" { file = "scripts/x.mjs" }',
    })
    const hook = hooks.declare<[string], unknown>('test', 'told', { default: 'nobody' })
    await config.reload(join(folder, 'app.conf'))
    expect(hook.call('a')).toBe('found a')
  })

  it('need a name and a file (MX-07)', async () => {
    const { config, folder } = siteOf()
    for (const text of [
      'Script { file = "x" }',
      'Script "x" { }',
      `Script "x" { file = "${folder}/none.mjs" }`,
    ])
      expect(await thrownBy(config.loadText(text))).toMatchObject({ code: 'ERR_MODULE_LOAD' })
  })
})
