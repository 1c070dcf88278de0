import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { defineModule, type HookError, memtypes, type ModuleSpec } from '../../lib'
import { ROOT } from '../repo-files'
import { put, type Site, thrownBy } from '../unit/modules-harness'
import { isNative } from './aco-harness'
import { withEventer } from './eventer-harness'
import { command, nativeSite, peerSite, probeSite, started, Told } from './native-modules-harness'

/** A module in JavaScript that provides peer.ask, and counts the calls but those of a module that ends. */
function listener(name: string, told: () => void): ModuleSpec {
  return defineModule({
    name,
    confSetup: () => 0,
    extInit: (self, _txn, _output, { mode, privileged }) => {
      if (mode !== 'destroy' && !privileged)
        self.hooks.register('peer', 'ask', 'last', (_self, isEnd) => isEnd !== true && told(), self)
    },
  })
}

const bad = (): ModuleSpec => defineModule({ name: 'bad', confSetup: () => 0, extInit: () => -1 })

const lines = (site: Site): unknown[] =>
  site.reports.filter(([event]) => event === 'log').map(([, report]) => report)

const live = (type: string): number => memtypes.stats(memtypes.byName(type)).live

const ALL = 'caller { }\nsecond { }\ngiver { }'
const workerSite = (): Site => nativeSite('test/modules/worker.c', '[worker]\n[lasting]\n[valve]\n')

describe.runIf(isNative)('a hook that two native modules declare', () => {
  it('is called by both with all its providers (HK-01, HK-13)', async () => {
    const site = peerSite()
    let told = 0
    site.modules.add(listener('helper', () => void told++))
    await started(site, 'caller { }\nsecond { }\nhelper { }')
    for (const line of ['caller call', 'second call']) expect(await command(site, line)).toContain('has 1')
    expect(told).toBe(2)
    for (let reload = 0; reload < 2; reload++) {
      await site.config.loadText(ALL)
      for (const line of ['caller call', 'second call'])
        expect(await command(site, line)).toBe('1 ran, has 1, 1 given, 0 stale')
    }
  })

  it('stays that of the first where loading the second fails (HK-13, A-MO-9)', async () => {
    const site = peerSite()
    let told = 0
    site.modules.add(listener('helper', () => void told++))
    site.modules.add(bad())
    await started(site, 'caller { }')
    await thrownBy(site.config.loadText('caller { }\nsecond { }\nbad { }'))
    await site.config.loadText('caller { }\nhelper { }')
    expect(await command(site, 'caller call')).toContain('has 1')
    expect(told).toBe(1)
  })

  it('tells of a provider that fails as any hook does (HK-20)', async () => {
    const site = peerSite()
    const errors: HookError[] = []
    site.hooks.onError = (error) => errors.push(error)
    await started(site, ALL)
    await command(site, 'caller fail')
    expect(await command(site, 'second call')).toBe('1 ran, has 1, 1 given, 0 stale')
    await expect.poll(() => errors.length).toBe(1)
    expect(errors[0]).toMatchObject({ code: 'ERR_HOOK_PROVIDER', hook: 'peer.ask', module: 'giver' })
    expect(errors[0]?.message).toContain('as it was told')
  })

  it('leaves the loop to others where its provider posts it again and again (HK-14)', async () => {
    const site = await started(peerSite(), ALL)
    await command(site, 'caller storm')
    for (let turn = 0; turn < 3; turn++) await sleep(1)
    expect((await site.modules.control('caller calm')).ok).toBe(true)
  })
})

describe.runIf(isNative)('the end of native modules', () => {
  it('refuses commands, and calls nothing any more (MO-14)', async () => {
    const site = await started(probeSite())
    await site.modules.close()
    expect((await site.modules.control('probe values')).ok).toBe(false)
    expect((await site.modules.control('probe timer')).ok).toBe(false)
  })

  it('leads to no provider that is gone: at a reload, and at close (HK-10, A-HK-9)', async () => {
    const site = await started(peerSite(), ALL)
    await site.config.loadText(ALL)
    await expect.poll(() => lines(site).length).toBe(2)
    await site.modules.close()
    await expect.poll(() => lines(site).length).toBe(4)
    const texts = lines(site).map((report) => (report as { text: string }).text)
    expect(texts.slice(0, 2)).toEqual(['ran', 'ran'])
    expect(texts.slice(2)).toEqual(['none', 'none'])
  })

  it('is told to a singleton: at close, and where its set-up was given up (MO-12, A-MO-9)', async () => {
    const told = async (site: Site): Promise<unknown[]> => {
      await expect.poll(() => lines(site).length).toBe(1)
      return lines(site)
    }
    const given = probeSite('SINGLETON')
    given.modules.add(bad())
    await thrownBy(given.config.loadText('probe { }\nbad { }'))
    expect(await told(given)).toMatchObject([{ module: 'probe', text: 'exit' }])
    const closed = await started(probeSite('SINGLETON'))
    await closed.modules.close()
    expect(await told(closed)).toMatchObject([{ module: 'probe', text: 'exit' }])
  })

  it('comes to each object of an isolate that is ended in the middle, the last first (MO-12, MO-13)', async () => {
    const site = workerSite()
    const marks = join(site.folder, 'marks')
    writeFileSync(marks, '')
    const program = join(site.folder, 'ended.cjs')
    put(
      program,
      `const { Config, Hooks, Modules } = require(${JSON.stringify(join(ROOT, 'dist/index.js'))})
      const { parentPort } = require('node:worker_threads')
      const hooks = new Hooks({ phases: true })
      const config = new Config({ hooks })
      const modules = new Modules({ config, hooks, searchPath: ${JSON.stringify(site.folder)} })
      config.loadText('lasting { }\\nworker "a" { }\\nworker "b" { }').then(() => parentPort.postMessage('begun'))
      setInterval(() => {}, 1000)`,
    )
    process.env.HEDDLE_MARKS = marks
    try {
      // The same library in this isolate, which goes on.
      await started(site, 'worker { }')
      const worker = new Worker(program)
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await worker.terminate()
      const written = readFileSync(marks, 'utf8').split('\n')
      expect(written.slice(5)).toEqual(['worker:b destroy', 'worker:a destroy', 'lasting exit', ''])
      await site.config.loadText('worker { }')
      await expect.poll(() => readFileSync(marks, 'utf8')).toMatch(/worker destroy\n$/)
    } finally {
      delete process.env.HEDDLE_MARKS
    }
  })

  it('is no end of its jobs: they are told, and free what they use (MO-13)', () =>
    withEventer({}, async ({ eventer }) => {
      eventer.start()
      const site = workerSite()
      await started(site, 'worker { }\nvalve { }')
      expect((await site.modules.control('worker job')).ok).toBe(true)
      const before = live('worker:block')
      await site.config.loadText('valve { }')
      expect(live('worker:block')).toBe(before)
      expect((await site.modules.control('valve open')).ok).toBe(true)
      await expect.poll(() => live('worker:block')).toBe(before - 1)
    }))

  it('leaves nothing behind: hundreds of reloads (A-MO-3)', async () => {
    const site = await started(peerSite(), ALL)
    const types = ['module:self', 'module:values', 'module:providers', 'module:post']
    const counts = (): number[] => types.map(live)
    for (let reload = 0; reload < 5; reload++) await site.config.loadText(ALL)
    await expect.poll(() => lines(site).length).toBe(10)
    const before = counts()
    for (let reload = 0; reload < 300; reload++) await site.config.loadText(ALL)
    await expect.poll(() => lines(site).length).toBe(610)
    await expect.poll(() => counts().every((count, i) => count <= (before[i] ?? 0) + 4)).toBe(true)
    expect(lines(site).filter((line) => (line as { text: string }).text === 'stale')).toEqual([])
  })
})

describe.runIf(isNative)('native modules by their names', () => {
  it('are several where stanzas have names: commands, lines, levels (MO-17)', async () => {
    const site = await started(probeSite(), 'probe "a" { debug_level = debug }\nprobe "b" { }')
    expect(await command(site, 'probe:a name')).toBe('probe:a')
    expect(await command(site, 'probe:b name')).toBe('probe:b')
    for (const line of ['probe:a debug', 'probe:b debug', 'probe:b log']) await command(site, line)
    await expect.poll(() => lines(site).length).toBe(2)
    expect(lines(site)).toMatchObject([
      { module: 'probe:a', level: 'debug', text: 'a detail' },
      { module: 'probe:b', level: 'error', text: 'a line' },
    ])
  })

  it('are found by a section of their own name only (MO-02)', async () => {
    const site = nativeSite('test/modules/probe.c', '[typo]\n[Probe]\n')
    const error = await thrownBy(site.config.loadText('typo { }'))
    expect(error.cause ?? error).toMatchObject({ code: 'ERR_DSO_SYMBOL' })
    expect(error.message).toMatch(/probe.*typo/)
    await site.config.loadText('Probe { }')
    expect(site.modules.loaded().map(({ name }) => name)).toEqual(['Probe'])
  })

  it('are taken in by loadNative, which names what is wrong itself (MO-20)', async () => {
    const { modules, config, folder } = nativeSite('test/modules/probe.c', '')
    const definition = modules.loadNative(join(folder, 'native.so'))
    expect(definition.name).toBe('probe')
    await config.loadText('probe { }')
    expect(modules.loaded()).toMatchObject([{ name: 'probe' }])
    for (const [define, text] of [
      ['OTHER_VERSION', /version 2 .* this is 1/],
      ['LATER_REVISION', /revision 1 .* revision 0/],
    ] as const) {
      const other = nativeSite('test/modules/probe.c', '', [define])
      expect(() => other.modules.loadNative(join(other.folder, 'native.so'))).toThrow(
        expect.objectContaining({ code: 'ERR_DSO_ABI', message: expect.stringMatching(text) }),
      )
    }
    expect(() => modules.loadNative(join(folder, 'none.so'))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
    expect(() => modules.loadNative('')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  it('have at most 65536 values in an array (CF-11)', async () => {
    const site = await started(probeSite())
    const list = (length: number): string => `probe { list = (${'1 '.repeat(length)}) }`
    await site.config.loadText(list(65_536))
    const error = await thrownBy(site.config.loadText(list(65_537)))
    expect(error.message).toContain('at most 65536 values')
  })

  it('keep their memtypes, which are the process’s, also where conf_setup fails (A-MO-9)', async () => {
    await thrownBy(probeSite('FAILS_IN_SETUP').config.loadText('probe { }'))
    const other = await thrownBy(probeSite('OTHER_STATE').config.loadText('probe { }'))
    expect(other).toMatchObject({ code: 'ERR_MODULE_FAILED', phase: 'confSetup' })
    expect(other.message).toContain('EINVAL')
  })
})

describe.runIf(isNative)('coroutines of native modules', () => {
  it('begin in a call, and post to hooks (MO-20)', () =>
    withEventer({}, async ({ eventer }) => {
      eventer.start()
      const site = workerSite()
      const told = new Told()
      site.modules.add(
        defineModule({
          name: 'ear',
          confSetup: () => 0,
          extInit: (self, _txn, _output, { mode, privileged }) => {
            if (mode !== 'destroy' && !privileged)
              self.hooks.register('worker', 'told', 'last', told.provider, self)
          },
        }),
      )
      await started(site, 'worker { }\near { }')
      expect((await site.modules.control('worker coroutine')).ok).toBe(true)
      await told.reached(1)
      expect(told.calls).toEqual([['coroutine']])
    }))
})
