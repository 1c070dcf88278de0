import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  defineModule,
  defineOption,
  type Infrastructure,
  type ModuleSpec,
  memtypes,
  ModuleError,
} from '../../lib'
import { flagText, siteOf, thrownBy } from './modules-harness'

/** A module that writes down what it is called with. */
function logging(
  log: string[],
  name: string,
  more: Partial<ModuleSpec<{ readonly number: number }>> = {},
): ModuleSpec<{ readonly number: number }> {
  let made = 0
  return {
    name,
    confSetup: (self, context) => {
      log.push(`${self.name} confSetup`)
      return more.confSetup?.(self, context)
    },
    extInit: (self, txn, output, flags) => {
      if (flags.mode === 'init' && self.privateData === undefined) self.privateData = { number: ++made }
      log.push(`${self.id} ${flagText(flags)} #${self.privateData?.number}`)
      return more.extInit?.(self, txn, output, flags)
    },
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'confSetup' && key !== 'extInit')),
  }
}

describe('a singleton', () => {
  it('is set up once, initialised at each generation, and never destroyed (A-MO-2, MO-09, MO-10, MO-11, MO-12)', async () => {
    const { config, modules, log } = siteOf()
    const seen: Infrastructure[] = []
    const started: boolean[] = []
    modules.add(
      logging(log, 'mod', {
        singleton: true,
        extInit: (self) => {
          seen.push(self as Infrastructure)
          started.push(self.startedWithSystem)
        },
      }),
    )
    await config.loadText('mod { }')
    log.push('drop privileges')
    await modules.postInit()
    await modules.postInit()
    await config.loadText('mod { }')
    await config.loadText('mod { }')
    expect(log).toEqual([
      'mod confSetup',
      'mod init privileged #1',
      'drop privileges',
      'mod postinit #1',
      'mod init #1',
      'mod init #1',
    ])
    expect(new Set(seen).size).toBe(1)
    expect(started).toEqual([true, true, true, true])
    await modules.close()
    expect(log).toHaveLength(6)
  })

  it('stays when its stanza goes, and that is told once (A-MO-12, MO-15)', async () => {
    const { config, modules, log, reports } = siteOf()
    modules.add(logging(log, 'single', { singleton: true }))
    modules.add(logging(log, 'plain'))
    await config.loadText('single { }\nplain { }')
    await config.loadText('')
    await config.loadText('')
    expect(modules.loaded().map(({ name, isKept, generation }) => [name, isKept, generation])).toEqual([
      ['single', true, 3],
    ])
    expect(reports.filter(([event]) => event === 'kept')).toEqual([['kept', { module: 'single' }]])
    expect(log.filter((line) => line.startsWith('plain'))).toEqual([
      'plain confSetup',
      'plain init privileged #1',
      'plain destroy #1',
    ])
    await config.loadText('single { }')
    expect(modules.loaded()[0]?.isKept).toBe(false)
  })

  it('has `onExit` called at the end, after what was set up later (MO-12)', async () => {
    const { config, modules, log } = siteOf()
    modules.add(logging(log, 'one', { singleton: true, onExit: () => void log.push('one exit') }))
    modules.add(logging(log, 'two', { singleton: true, onExit: () => void log.push('two exit') }))
    modules.add(logging(log, 'three'))
    await config.loadText('one { }\ntwo { }\nthree { }')
    log.length = 0
    await modules.close()
    await modules.close()
    expect(log).toEqual(['three destroy #1', 'two exit', 'one exit'])
    expect(await thrownBy(config.loadText(''))).toMatchObject({ code: 'ERR_CLOSED' })
  })

  it.each(['mod "a" { }\nmod "b" { }', 'mod "a" { size = 2 }', 'mod { }\nmod "a" { }'])(
    'has one stanza, without an instance, where its options are looked for: %j (MO-12)',
    async (text) => {
      const { config, modules, log } = siteOf()
      const options = { size: defineOption({ type: 'int', default: '1' }) }
      modules.add(logging(log, 'mod', { singleton: true, options }))
      expect(await thrownBy(config.loadText(text))).toMatchObject({ code: 'ERR_MODULE_DEF', module: 'mod' })
      expect(log).toEqual([])
      await config.loadText('mod { size = 2 }')
      const before = modules.loaded()
      expect(await thrownBy(config.loadText(text))).toMatchObject({ code: 'ERR_MODULE_DEF' })
      expect(modules.loaded()).toEqual(before)
    },
  )

  it('that stays keeps what it requires, set up before it (MO-03, MO-12)', async () => {
    const { config, modules, log } = siteOf()
    modules.add(logging(log, 'base'))
    modules.add(logging(log, 'dep'), { requires: ['base'], provides: ['store'] })
    modules.add(logging(log, 'single', { singleton: true }), { requires: ['store'] })
    await config.loadText('single { }')
    await modules.postInit()
    log.length = 0
    await config.loadText('')
    await nextTurn()
    expect(modules.loaded().map(({ name, isKept }) => [name, isKept])).toEqual([
      ['base', false],
      ['dep', false],
      ['single', true],
    ])
    expect(log).toEqual([
      'base init #2',
      'dep init #2',
      'single init #1',
      'dep destroy #1',
      'base destroy #1',
    ])
  })

  it('stays also without what it requires, which is told (MO-03, MO-15)', async () => {
    const { config, modules, log, failures } = siteOf()
    modules.add(logging(log, 'dep'))
    modules.add(logging(log, 'single', { singleton: true }), { requires: ['dep'] })
    await config.loadText('single { }')
    await config.loadText('dep { enabled = no }')
    expect(modules.loaded()).toMatchObject([{ name: 'single', isKept: true }])
    expect(failures).toMatchObject([{ code: 'ERR_MODULE_DEP', module: 'single' }])
  })
})

describe('a module that is no singleton', () => {
  it('is another object each generation, destroyed once when the last reader has left (A-MO-3, MO-13)', async () => {
    const { config, modules, log, hooks } = siteOf()
    const hook = hooks.declare<[], unknown>('test', 'closure', { onReturn: (value, done) => done(value) })
    const seen: Infrastructure[] = []
    modules.add(
      logging(log, 'mod', {
        extInit: (self, _txn, _output, { mode, privileged }) => {
          if (mode === 'destroy' || privileged) return
          seen.push(self as Infrastructure)
          self.hooks.register('test', 'closure', 'first', (closure) => closure, self)
        },
      }),
    )
    await config.loadText('mod { }')
    await modules.postInit()
    const first = config.snapshot()
    await config.loadText('mod { }')
    expect(log).toEqual(['mod confSetup', 'mod init privileged #1', 'mod postinit #1', 'mod init #2'])
    expect(seen[0]).not.toBe(seen[1])
    expect(hook.call()).toBe(seen[1])
    expect(hook.has()).toBe(1)
    // The idiom of HK-12: an object of before, as long as its generation is held.
    expect(hook.callTxn(first)).toBe(seen[0])
    first.release()
    await nextTurn()
    expect(log.at(-1)).toBe('mod destroy #1')
    expect(log.filter((line) => line.includes('destroy'))).toHaveLength(1)
    expect(() => hook.callTxn(first)).toThrow(expect.objectContaining({ code: 'ERR_RELEASED' }))
    await config.loadText('')
    await nextTurn()
    expect(log.filter((line) => line.includes('destroy'))).toEqual(['mod destroy #1', 'mod destroy #2'])
    expect(hook.has()).toBe(0)
    expect(modules.loaded()).toEqual([])
  })

  it('that an asynchronous call uses is destroyed when the call is over (A-HK-9, HK-10)', async () => {
    const { config, modules, log, hooks } = siteOf()
    const hook = hooks.declare<[], Promise<string>>('test', 'slow')
    let finish = (): void => {}
    const slow = new Promise<void>((resolve) => {
      finish = resolve
    })
    modules.add(
      logging(log, 'mod', {
        extInit: (self, _txn, _output, { mode, privileged }) => {
          if (mode === 'destroy' || privileged) return
          const provider = async (owner: typeof self): Promise<string> => {
            const { number } = owner.privateData as { number: number }
            if (number === 1) await slow
            log.push(`call of #${number} ends`)
            return `by #${number}`
          }
          self.hooks.register('test', 'slow', 'last', provider, self)
        },
      }),
    )
    await config.loadText('mod { }')
    await modules.postInit()
    const running = hook.callAsync()
    await config.loadText('mod { }')
    expect(await hook.callAsync()).toBe('by #2')
    await nextTurn()
    expect(log.some((line) => line.includes('destroy'))).toBe(false)
    finish()
    expect(await running).toBe('by #1')
    await nextTurn()
    expect(log.slice(-2)).toEqual(['call of #1 ends', 'mod destroy #1'])
  })

  it('has an object for each of its stanzas (MO-17)', async () => {
    const { config, modules, log } = siteOf()
    modules.add(
      logging(log, 'mod', {
        options: { size: defineOption({ type: 'int', default: '1' }) },
        control: (self, response, command) => {
          using size = self.fetch('size')
          response.printf('%s: %s %d', self.id, command, size.value)
        },
      }),
    )
    await config.loadText('mod "a" { size = 3 }\nmod "b" { }\nmod "off" { enabled = no }')
    expect(log).toEqual(['mod confSetup', 'mod:a init privileged #1', 'mod:b init privileged #2'])
    expect(await modules.control('mod:a status')).toEqual({
      ok: true,
      text: 'mod:a: status 3',
    })
    expect((await modules.control('mod:b status')).text).toBe('mod:b: status 1')
    const wrong = await modules.control('mod status')
    expect(wrong.ok).toBe(false)
    expect(wrong.text).toContain('mod:a, mod:b')
  })
})

describe('a module that a reload adds', () => {
  it('is initialised at once, without privileges (A-MO-4, MO-11, MO-15)', async () => {
    const { config, modules, log } = siteOf()
    modules.add(logging(log, 'mod'))
    modules.add(logging(log, 'single', { singleton: true }))
    await config.loadText('')
    await modules.postInit()
    await config.loadText('mod { }\nsingle { }')
    expect(log).toEqual(['mod confSetup', 'single confSetup', 'mod init #1', 'single init #1'])
    expect(modules.loaded().map(({ startedWithSystem }) => startedWithSystem)).toEqual([false, false])
    await modules.postInit()
    expect(log).toHaveLength(4)
  })
})

describe('the start', () => {
  it('is the first configuration that has modules, not the first of all (MO-10, MO-11)', async () => {
    const { config, modules, log } = siteOf()
    modules.add(logging(log, 'mod'))
    await config.transaction((txn) => void txn.set('Anything', 1))
    await config.loadText('mod { }')
    expect(modules.loaded()).toMatchObject([{ startedWithSystem: true }])
    await modules.postInit()
    await config.loadText('mod { }')
    const set = log.filter((line) => !line.includes('destroy'))
    expect(set).toEqual(['mod confSetup', 'mod init privileged #1', 'mod postinit #1', 'mod init #2'])
  })

  it('has one post-init, also where a configuration fails before it (A-MO-5, MO-10)', async () => {
    const { config, modules, log } = siteOf()
    let isBroken = false
    modules.add(
      logging(log, 'single', {
        singleton: true,
        extInit: (_self, _txn, _output, { mode }) => (isBroken && mode === 'init' ? -1 : 0),
      }),
    )
    await config.loadText('single { }')
    isBroken = true
    await thrownBy(config.loadText('single { }'))
    isBroken = false
    await modules.postInit()
    // It has done the rest without privileges by then: told once more what is active.
    expect(log.slice(2)).toEqual(['single init #1', 'single init #1'])
  })
})

describe('what a module says of its set-up', () => {
  it('is in the result of the transaction, in the order of the set-up (MO-10)', async () => {
    const { config, modules } = siteOf()
    for (const name of ['one', 'two'])
      modules.add({
        name,
        confSetup: () => 0,
        extInit: (self, _txn, output, { mode }) => {
          if (mode === 'init') output.push(`${self.id} is ready`, 5 as never)
        },
      })
    modules.add({
      name: 'odd',
      confSetup: () => 0,
      extInit: (_self, _txn, output) => {
        output.push('never read')
        Object.defineProperty(output, 0, {
          get() {
            throw new Error('no')
          },
        })
      },
    })
    const { output } = await config.loadText('two { }\none "a" { }\nodd { }')
    expect(output).toEqual([
      { module: 'two', text: 'two is ready' },
      { module: 'one:a', text: 'one:a is ready' },
    ])
    expect((await config.transaction(() => undefined)).output).toHaveLength(2)
  })
})

describe('options', () => {
  it('are read once at the start and once a reload, as the skeleton does it (A-MO-5, A-CF-22, MO-10)', async () => {
    const { config, modules } = siteOf()
    const read: [string, number, number][] = []
    modules.add(
      defineModule({
        name: 'mod',
        singleton: true,
        options: { size: defineOption({ type: 'int', default: '1' }) },
        confSetup: () => 0,
        extInit: (self, txn, _output, { mode, privileged }) => {
          // What belongs to post-init comes in a call of its own at the start; a reload does both at once.
          if (mode === 'init' && privileged) return 0
          using pending = self.fetchAtInit(txn, 'size')
          using active = self.fetch('size')
          read.push([mode, pending.value as number, active.value as number])
          return 0
        },
      }),
    )
    await config.loadText('mod { size = 2 }')
    expect(read).toEqual([])
    await modules.postInit()
    await config.loadText('mod { size = 3 }')
    expect(read).toEqual([
      ['postinit', 2, 2],
      ['init', 3, 2],
    ])
  })

  it('cannot be asked for by a name that is not declared (MO-09)', async () => {
    const { config, modules } = siteOf()
    modules.add(
      defineModule({
        name: 'mod',
        confSetup: () => undefined,
        extInit: (self, txn) => void self.fetchAtInit(txn, 'toString'),
      }),
    )
    const error = await thrownBy(config.loadText('mod { }'))
    expect(error).toMatchObject({ code: 'ERR_MODULE_FAILED', module: 'mod', phase: 'extInit' })
    expect(error.cause).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('that every module has are checked (MO-17)', async () => {
    const { config, modules, log, reports } = siteOf()
    modules.add(
      logging(log, 'mod', {
        extInit: (self, _txn, _output, { mode }) => {
          if (mode === 'destroy') return
          self.log('error', 'heard')
          self.log('info', 'heard where debug_level says so')
        },
      }),
    )
    await config.loadText('mod { }')
    expect(reports).toEqual([['log', { module: 'mod', level: 'error', text: 'heard' }]])
    await config.loadText('mod { debug_level = info }')
    reports.length = 0
    await config.loadText('mod { debug_level = info }')
    expect(reports).toHaveLength(2)
    expect(await thrownBy(config.loadText('mod { debug_level = loud }'))).toMatchObject({
      code: 'ERR_CONFIG_VALUE',
    })
    expect(await thrownBy(config.loadText('mod { enabled = maybe }'))).toMatchObject({
      code: 'ERR_CONFIG_VALUE',
    })
  })
})

describe('a failure', () => {
  /** Ways to fail, and what the message of the error holds then. */
  const WAYS: [string, () => unknown, string][] = [
    [
      'throws',
      () => {
        throw new Error('no luck')
      },
      'no luck',
    ],
    ['rejects', () => Promise.reject(new Error('no luck')), 'no luck'],
    ['returns -1', () => -1, 'returned -1'],
    ['resolves with -1', async () => -1, 'returned -1'],
    [
      'throws nothing',
      () => {
        throw undefined
      },
      'undefined',
    ],
    [
      'has a then that throws',
      () =>
        Object.defineProperty({}, 'then', {
          get() {
            throw new Error('no luck')
          },
        }),
      'no luck',
    ],
    ['never settles', () => new Promise(() => {}), 'did not end within'],
  ]
  const PHASES = ['confSetup', 'extInit'] as const

  for (const singleton of [true, false])
    for (const phase of PHASES)
      it.each(WAYS)(
        `at start, where ${phase} of a ${singleton ? 'singleton' : 'plain module'} %s, names the module (A-MO-9, MO-09)`,
        async (_way, fail, words) => {
          const { config, modules, hooks } = siteOf({}, { timeout: 200 })
          const known = hooks.list()
          const bad: ModuleSpec = { name: 'bad', singleton, confSetup: () => 0, extInit: () => 0 }
          modules.add({ ...bad, [phase]: fail })
          const error = await thrownBy(config.loadText('bad { }'))
          expect(error).toBeInstanceOf(ModuleError)
          expect(error).toMatchObject({
            module: 'bad',
            phase,
            code: words.startsWith('did not') ? 'ETIME' : 'ERR_MODULE_FAILED',
          })
          expect(error.message).toContain('bad')
          expect(error.message).toContain(words)
          expect(config.generation).toBe(0)
          expect(modules.loaded()).toEqual([])
          expect(config.options({ module: 'bad' })).toEqual([])
          expect(hooks.list()).toEqual(known)
        },
      )

  for (const phase of PHASES)
    it(`of ${phase} at a reload leaves what was active, and nothing of the module (A-MO-9, MO-09)`, async () => {
      const { config, modules, log, hooks } = siteOf()
      const hook = hooks.declareVoid('test', 'told')
      modules.add(
        logging(log, 'good', {
          extInit: (self, _txn, _output, { mode, privileged }) => {
            if (mode !== 'destroy' && !privileged)
              self.hooks.register('test', 'told', 'last', () => undefined, self)
          },
        }),
      )
      let isBroken = true
      modules.add({
        name: 'bad',
        singleton: true,
        onExit: () => void log.push('bad exit'),
        confSetup: (self, context) => {
          self.hooks.register('test', 'told', 'last', () => undefined, self)
          self.hooks.declareVoid('bad', 'own')
          context.registerOption({ name: 'limit', type: 'int', fallback: 'Global', default: '1' })
          context.defineScope({ name: 'BadScope' })
          context.registerMemtype({ description: `bad:block-${phase}`, kind: 'fixed', size: 8 })
          context.registerCommand('badcommand', () => 'x')
          if (phase === 'confSetup' && isBroken) throw new Error('no luck')
        },
        extInit: () => (isBroken ? -1 : 0),
      })
      await config.loadText('good { }')
      await modules.postInit()
      const before = modules.loaded()
      const declared = () =>
        hooks.list().flatMap(({ scope, name, kind }) => (kind === 'undeclared' ? [] : `${scope}.${name}`))
      const known = declared()
      const error = await thrownBy(config.loadText('good { }\nbad { }'))
      expect(error).toMatchObject({ module: 'bad', phase })
      expect(config.generation).toBe(1)
      expect(modules.loaded()).toEqual(before)
      expect(hook.has()).toBe(1)
      expect(hooks.resolve('bad', 'own')).toBeUndefined()
      expect(declared()).toEqual(known)
      expect(config.options({ module: 'bad' })).toEqual([])
      expect(memtypes.byName(`bad:block-${phase}`)).toBe(-1)
      expect((await modules.control('badcommand')).ok).toBe(false)
      // The object of the generation that did not come is gone, that of the active one is not.
      const destroyed = log.filter((line) => line.startsWith('good destroy'))
      expect(destroyed).toEqual(phase === 'extInit' ? ['good destroy #2'] : [])
      expect(log.filter((line) => line === 'bad exit')).toHaveLength(1)
      isBroken = false
      await config.loadText('good { }\nbad { }')
      expect(hook.has()).toBe(2)
      expect(config.options({ module: 'bad', name: 'limit' })).toHaveLength(1)
      expect(memtypes.byName(`bad:block-${phase}`)).not.toBe(-1)
      expect(await modules.control('badcommand')).toEqual({ ok: true, text: 'x' })
    })

  it('tells singletons once more what is active (MO-12)', async () => {
    const { config, modules } = siteOf()
    const sizes: unknown[] = []
    modules.add({
      name: 'single',
      singleton: true,
      options: { size: defineOption({ type: 'int', default: '1' }) },
      confSetup: () => 0,
      extInit: (self, txn) => {
        using size = self.fetchAtInit(txn, 'size')
        sizes.push(size.value)
      },
    })
    modules.add({ name: 'bad', confSetup: () => 0, extInit: () => -1 })
    await config.loadText('single { size = 1 }')
    await thrownBy(config.loadText('single { size = 2 }\nbad { }'))
    expect(sizes).toEqual([1, 2, 1])
  })

  it('of destroy is told, and the others are destroyed (MO-13)', async () => {
    const { config, modules, log, failures } = siteOf()
    modules.add(logging(log, 'one'))
    modules.add(
      logging(log, 'two', {
        extInit: (_self, txn, _output, { mode }) => {
          if (mode === 'destroy') void txn.hookRegistry
        },
      }),
    )
    await config.loadText('one { }\ntwo { }')
    await config.loadText('')
    await nextTurn()
    expect(log.slice(-2)).toEqual(['two destroy #1', 'one destroy #1'])
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatchObject({ module: 'two', phase: 'extInit' })
    expect(failures[0]?.cause).toMatchObject({ code: 'ERR_RELEASED' })
  })

  it('of post-init fails the start (MO-10)', async () => {
    const { config, modules } = siteOf()
    modules.add({
      name: 'bad',
      confSetup: () => 0,
      extInit: (_self, _txn, _output, { mode }) => (mode === 'postinit' ? -1 : 0),
    })
    await config.loadText('bad { }')
    expect(await thrownBy(modules.postInit())).toMatchObject({ code: 'ERR_MODULE_FAILED', module: 'bad' })
  })

  it('that comes after the time is over is told, and registers nothing (MO-09)', async () => {
    const { config, modules, failures, hooks } = siteOf({}, { timeout: 100 })
    const hook = hooks.declareVoid('test', 'late')
    let goOn = (): void => {}
    const waited = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const late: unknown[] = []
    modules.add({
      name: 'slow',
      singleton: true,
      confSetup: async (self, context) => {
        await waited
        for (const act of [
          () => self.hooks.register('test', 'late', 'last', () => undefined, self),
          () => context.registerOption({ name: 'x', type: 'int', fallback: 'Global' }),
        ])
          try {
            act()
          } catch (error) {
            late.push((error as { code?: string }).code)
          }
        throw new Error('at last')
      },
      extInit: () => 0,
    })
    expect(await thrownBy(config.loadText('slow { }'))).toMatchObject({ code: 'ETIME', isTimeout: true })
    goOn()
    await nextTurn()
    expect(late).toEqual(['ERR_PHASE', 'ERR_PHASE'])
    expect(hook.has()).toBe(0)
    expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining('too late: at last')])
  })
})
