import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defineModule, type HeddleError, type Infrastructure, type ModuleSpec, memtypes } from '../../lib'
import { ABI } from '../../lib/modules/native-host'
import { ROOT } from '../repo-files'
import { put, type Site, siteOf, thrownBy } from '../unit/modules-harness'
import { backend, isNative } from './aco-harness'
import { withEventer } from './eventer-harness'
import { command, moduleSite, probeSite, started, Told } from './native-modules-harness'

const codeOf = async (promise: Promise<unknown>): Promise<string | undefined> =>
  (await thrownBy(promise)).code

/** The code that something ends with, behind the error of its phase. */
async function causeOf(promise: Promise<unknown>): Promise<HeddleError> {
  const error = await thrownBy(promise)
  return (error.cause ?? error) as HeddleError
}

/** A module in JavaScript that does something in its `extInit`. */
function helper(init: (self: Infrastructure) => void): ModuleSpec {
  return {
    name: 'helper',
    confSetup: () => 0,
    extInit: (self, _txn, _output, { mode, privileged }) => {
      if (mode !== 'destroy' && !privileged) init(self)
    },
  }
}

const live = (type: string): number => memtypes.stats(memtypes.byName(type)).live

describe('native modules are of the native backend only', () => {
  it('says so in its capabilities', () => expect(backend.capabilities.nativeModules).toBe(isNative))

  it('has the version of its header', () => {
    const header = readFileSync(join(ROOT, 'native/include/heddle/heddle.h'), 'utf8')
    expect(header).toContain(`#define HEDDLE_API_VERSION ${ABI}u`)
  })

  it.runIf(!isNative)('refuses them elsewhere with ERR_NATIVE_REQUIRED (MO-20)', async () => {
    const site = siteOf({ 'probe.ecm': '[probe]\n', 'probe.so': '' })
    const error = await thrownBy(site.config.loadText('probe { }'))
    expect([error, error.cause].map((each) => (each as HeddleError | undefined)?.code)).toContain(
      'ERR_NATIVE_REQUIRED',
    )
  })
})

describe.runIf(isNative)('loading a native module', () => {
  it('names what is wrong with the file (MO-19, MO-20)', async () => {
    const load = (site: Site): Promise<unknown> => site.config.loadText('probe { }')
    expect((await causeOf(load(siteOf({ 'probe.ecm': '[probe]\n', 'probe.so': 'no library' })))).code).toBe(
      'ERR_DSO_LOAD',
    )
    expect((await causeOf(load(probeSite('NO_SYMBOL')))).code).toBe('ERR_DSO_SYMBOL')
    const other = await causeOf(load(probeSite('OTHER_VERSION')))
    expect(other.code).toBe('ERR_DSO_ABI')
    expect(other.message).toMatch(/version 2 .* this is 1/)
    for (const define of ['NO_INIT', 'CUT_SHORT'])
      expect((await causeOf(load(probeSite(define)))).code).toBe('ERR_MODULE_DEF')
  })

  it('leaves nothing of a module whose conf_setup fails (A-MO-9, MO-09)', async () => {
    for (const define of ['FAILS_IN_SETUP', 'BAD_OPTION']) {
      const site = probeSite(define)
      const error = await thrownBy(site.config.loadText('probe { }'))
      expect(error.message).toContain('probe')
      expect(site.modules.loaded()).toEqual([])
      expect(site.config.options().filter(({ name }) => name === 'whole')).toEqual([])
      expect(site.hooks.resolve('probe', 'told')).toBeUndefined()
      await site.config.loadText('')
    }
  })

  it('fails with what ext_init noted, and keeps the generation before (A-MO-9, MO-10)', async () => {
    const site = probeSite('FAILS_IN_INIT')
    await site.config.loadText('')
    const error = await thrownBy(site.config.loadText('probe { }'))
    expect(error).toMatchObject({ code: 'ERR_MODULE_FAILED', module: 'probe', phase: 'extInit' })
    expect(error.message).toContain('not today')
    expect(site.modules.loaded()).toEqual([])
    await site.config.loadText('')
  })

  it('tells of an ext_init that fails to destroy, and goes on (MO-13)', async () => {
    const site = await started(probeSite('FAILS_IN_DESTROY'))
    await site.config.loadText('')
    await expect.poll(() => site.failures.length).toBe(1)
    expect(site.failures[0]).toMatchObject({ module: 'probe' })
  })

  it('runs several modules of one library under their names (MO-02)', async () => {
    const site = moduleSite('test/modules/probe.c', 'other')
    await site.config.loadText('other { }')
    expect(site.modules.loaded().map(({ name }) => name)).toEqual(['other'])
    expect((await site.modules.control('other values')).ok).toBe(false)
  })
})

describe.runIf(isNative)('the life of a native module', () => {
  it('is that of any module: INIT privileged, POSTINIT, one INIT and one DESTROY a reload (A-MO-2, A-MO-3)', async () => {
    const site = probeSite('LIFE')
    await site.config.loadText('probe { }')
    expect(await command(site, 'probe calls')).toBe('1 0 0')
    await site.modules.postInit()
    expect(await command(site, 'probe calls')).toBe('1 1 0')
    const before = live('probe:state')
    for (let reload = 0; reload < 5; reload++) await site.config.loadText('probe { }')
    await expect.poll(() => command(site, 'probe calls')).toBe('6 1 5')
    expect(live('probe:state')).toBe(before)
    await site.config.loadText('')
    await expect.poll(() => live('probe:state')).toBe(before - 1)
  })

  it('is one object of a singleton, whose values follow the configuration (A-MO-2, CF-22)', async () => {
    const site = await started(probeSite('SINGLETON'), 'probe { whole = 1 }')
    expect(await command(site, 'probe values')).toMatch(/^1 /)
    await site.config.loadText('probe { whole = 2 }')
    expect(await command(site, 'probe values')).toMatch(/^2 /)
    await thrownBy(site.config.loadText('probe { whole = 13 }'))
    expect(await command(site, 'probe values')).toMatch(/^2 /)
    site.modules.add(defineModule({ name: 'late', confSetup: () => 0, extInit: () => -1 }))
    expect(await codeOf(site.config.loadText('probe { whole = 3 }\nlate { }'))).toBe('ERR_MODULE_FAILED')
    expect(await command(site, 'probe values')).toMatch(/^2 /)
    expect(await command(site, 'probe calls')).toMatch(/ 0$/)
  })
})

describe.runIf(isNative)('options of native modules', () => {
  it('have their types and defaults (CF-06, CF-08, CF-11, CF-14)', async () => {
    const site = await started(probeSite())
    expect(await command(site, 'probe values')).toBe("7 18446744073709551615 3 1 'a word' [ ] 1")
    await site.config.loadText(`
      probe_everywhere = 4
      probe { whole = -2 natural = 5 ratio = 0.25 truth = off words = "é ß" list = (3 1 2) }`)
    expect(await command(site, 'probe values')).toBe("-2 5 0.25 0 'é ß' [ 3 1 2 ] 4")
  })

  it('are validated by the module (CF-15)', async () => {
    const site = await started(probeSite())
    for (const text of ['probe { whole = 13 }', 'probe { list = (1 13) }']) {
      const error = await thrownBy(site.config.loadText(text))
      expect(error.message).toContain('13 brings bad luck')
    }
    expect((await thrownBy(site.config.loadText('probe { natural = -1 }'))).message).toContain('natural')
  })
})

describe.runIf(isNative)('hooks of native modules', () => {
  it('takes native providers of a hook in JavaScript, for all kinds of values (HK-03, HK-04)', async () => {
    const site = await started(probeSite())
    const hook = site.hooks.declare<[unknown], unknown>('test', 'echo', { default: 'nobody' })
    for (const value of [0, -5, 2 ** 53 - 1, 1.5, -0, Number.NaN, Infinity, 'té', 'a\0b', '', true, false])
      expect(hook.call(value)).toBe(value)
    expect(hook.call(2n ** 63n - 1n)).toBe(2n ** 63n - 1n)
    expect(hook.call(2n ** 64n - 1n)).toBe(2n ** 64n - 1n)
    expect(hook.call(-(2n ** 63n))).toBe(-(2n ** 63n))
    expect(hook.call(7n)).toBe(7)
    expect(hook.call(2n ** 64n)).toBe('other')
    expect(hook.call({ an: 'object' })).toBe('other')
    expect(hook.call(null)).toBeUndefined()
    expect(hook.call(new Uint8Array([1, 2]))).toEqual(new Uint8Array([1, 2]))
    expect(site.hooks.list().find(({ name }) => name === 'echo')?.providers).toMatchObject([
      { module: 'probe' },
    ])
    await site.config.loadText('')
    expect(hook.call(1)).toBe('nobody')
  })

  it('throws what a provider answers as an error (HK-20)', async () => {
    const site = await started(probeSite())
    const hook = site.hooks.declare<[unknown], unknown>('test', 'echo', { default: 'nobody' })
    expect(() => hook.call('fail')).toThrow(
      expect.objectContaining({
        code: 'ERR_HOOK_PROVIDER',
        module: 'probe',
        cause: expect.objectContaining({
          code: 'ERR_NATIVE_MODULE',
          message: expect.stringContaining('told to fail'),
        }),
      }),
    )
    expect(() => hook.call('errno')).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ code: 'ENOENT' }) }),
    )
    expect(hook.call('fine')).toBe('fine')
  })

  it('calls providers in JavaScript with copies of its values (HK-02, HK-14)', async () => {
    const site = probeSite()
    const told = new Told()
    const asked: unknown[][] = []
    site.modules.add(
      helper((self) => {
        self.hooks.register('probe', 'told', 'last', told.provider, self)
        self.hooks.register('probe', 'asked', 'last', () => 0, self)
        self.hooks.register(
          'probe',
          'asked',
          'last',
          (_self, ...values) => asked.push(values) && 'four',
          self,
        )
        self.hooks.register('probe', 'asked', 'last', () => 5, self)
        self.hooks.register('probe', 'first', 'last', () => 0, self)
        self.hooks.register('probe', 'first', 'last', () => 5, self)
      }),
    )
    await started(site, 'helper { }\nprobe { }')
    expect(await command(site, 'probe tell')).toBe('0 has 1: 0 0')
    const values = [5, 'té', new Uint8Array([0, 1]), 0.5, true, -(2n ** 63n), undefined]
    expect(told.calls).toEqual([values])
    expect(await command(site, 'probe ask')).toBe('0 has 1: 4 4')
    expect(asked).toEqual([values])
    expect(await command(site, 'probe first')).toBe('0 has 1: 1 0')
  })

  it('is told of an exception in JavaScript by an error (HK-20)', async () => {
    const site = probeSite()
    site.modules.add(
      helper((self) => {
        const provider = (): never => {
          throw new Error('on purpose')
        }
        self.hooks.register('probe', 'asked', 'last', provider, self)
      }),
    )
    await started(site, 'helper { }\nprobe { }')
    const result = await site.modules.control('probe ask')
    expect(result).toMatchObject({ ok: false })
    expect(result.text).toContain('ECANCELED')
    expect(await command(site, 'probe calls')).toMatch(/^\d/)
  })

  it('runs without providers, and finds those that come with a reload (HK-05, HK-10)', async () => {
    const site = probeSite()
    const told = new Told()
    site.modules.add(helper((self) => void self.hooks.register('probe', 'told', 'last', told.provider, self)))
    await started(site)
    expect(await command(site, 'probe tell')).toBe('0 has 0: 0 0')
    await site.config.loadText('probe { }\nhelper { }')
    expect(await command(site, 'probe tell')).toBe('0 has 1: 0 0')
    await site.config.loadText('probe { }')
    expect(await command(site, 'probe tell')).toBe('0 has 0: 0 0')
    expect(told.calls.length).toBe(1)
  })
})

describe.runIf(isNative)('commands and the log of native modules', () => {
  it('answers, also halfway, and in XML as text (A-MO-11, MO-14)', async () => {
    const site = await started(probeSite())
    const failed = await site.modules.control('probe nonsense')
    expect(failed.ok).toBe(false)
    expect(failed.text).toContain('half an answer')
    expect(failed.text).toContain('unknown command')
    expect(await command(site, 'probe xml')).toBe('<0>')
    expect(await command(site, 'probe xml', true)).toContain('&lt;1&gt;')
  })

  it('passes lines on as the module’s (MO-17)', async () => {
    const site = await started(probeSite())
    await command(site, 'probe log')
    await expect.poll(() => site.reports.filter(([event]) => event === 'log').length).toBe(1)
    expect(JSON.stringify(site.reports)).toContain('a line')
  })

  it('ends the process where the module crashes: nothing is caught (MO-20)', async () => {
    const site = probeSite()
    const program = join(site.folder, 'crash.cjs')
    put(
      program,
      `const { Config, Hooks, Modules } = require(${JSON.stringify(join(ROOT, 'dist/index.js'))})
      const hooks = new Hooks({ phases: true })
      const config = new Config({ hooks })
      const modules = new Modules({ config, hooks, searchPath: ${JSON.stringify(site.folder)} })
      config.loadText('probe { }').then(() => modules.control('probe crash')).then(() => process.exit(0))`,
    )
    // Without a core file.
    const command = 'ulimit -c 0; exec "$0" "$1"'
    const run = (): unknown =>
      execFileSync('sh', ['-c', command, process.execPath, program], {
        cwd: site.folder,
        stdio: 'ignore',
        timeout: 100_000,
        killSignal: 'SIGKILL',
      })
    expect(run).toThrow(expect.objectContaining({ signal: 'SIGABRT' }))
  })
})

describe.runIf(isNative)('events and jobs of native modules', () => {
  /** `probe` is started, and what it tells is heard. */
  async function toldSite(): Promise<{ site: Site; heard: Told }> {
    const site = probeSite()
    const heard = new Told()
    site.modules.add(
      helper((self) => void self.hooks.register('probe', 'told', 'last', heard.provider, self)),
    )
    await started(site, 'helper { }\nprobe { }')
    return { site, heard }
  }

  async function withLoop(run: (site: Site, heard: Told) => Promise<void>): Promise<void> {
    await withEventer({}, async ({ eventer }) => {
      eventer.start()
      const { site, heard } = await toldSite()
      await run(site, heard)
      await site.config.loadText('')
    })
  }

  it('says ENXIO where the thread has no loop (MO-20)', async () => {
    const { site, heard } = await toldSite()
    for (const line of ['probe timer', 'probe job', 'probe watch'])
      expect(await command(site, line)).toContain('ENXIO')
    expect(heard.calls).toEqual([])
  })

  it('runs a timer as often as it says (MO-20)', () =>
    withLoop(async (site, heard) => {
      expect((await site.modules.control('probe timer')).ok).toBe(true)
      await heard.reached(3)
      expect(heard.calls.map(([value]) => (value as number) % 3)).toEqual([1, 2, 0])
    }))

  it('watches a descriptor until its end (MO-20)', () =>
    withLoop(async (site, heard) => {
      expect((await site.modules.control('probe watch')).ok).toBe(true)
      await heard.reached(4)
      expect(heard.calls).toEqual([['x'], ['x'], ['x'], ['end']])
    }))

  it('tells the end of a job on the loop that submitted it (MO-20)', () =>
    withLoop(async (site, heard) => {
      expect((await site.modules.control('probe job')).ok).toBe(true)
      await heard.reached(1)
      expect(heard.calls).toEqual([[41]])
    }))

  it('ends what is left of a module with it (MO-13)', () =>
    withLoop(async (site) => {
      const before = live('module:self')
      for (let i = 0; i < 10; i++) expect((await site.modules.control('probe long timer')).ok).toBe(true)
      await site.config.loadText('')
      await expect.poll(() => live('module:self')).toBeLessThan(before)
    }))
})

describe.runIf(isNative)('the example', () => {
  it('counts, and calls its hook (MO-19)', async () => {
    const site = moduleSite('examples/modules/counter.c', 'counter')
    // The manifest that is shipped is the one that counts.
    writeFileSync(join(site.folder, 'native.ecm'), readFileSync(join(ROOT, 'examples/modules/counter.ecm')))
    const reached = new Told()
    site.modules.add(
      helper((self) => void self.hooks.register('counter', 'reached', 'last', reached.provider, self)),
    )
    await started(site, 'helper { }\ncounter { limit = 2 }')
    const answers = []
    for (let i = 0; i < 4; i++) answers.push(await command(site, 'counter count'))
    expect(answers).toEqual([1, 2, 3, 4].map((count) => `${count} of 2\n`))
    expect(reached.calls).toEqual([[2], [4]])
    expect((await thrownBy(site.config.loadText('counter { limit = 0 }'))).message).toContain(
      'limit must be above 0',
    )
    expect((await site.modules.control('counter')).text).toContain('usage: counter count')
  })
})
