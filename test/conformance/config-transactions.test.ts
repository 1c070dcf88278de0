import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Config, type ConfigError, ConfigHooks, type Transaction } from '../../lib/config'
import { Hooks } from '../../lib/hooks'
import { temporaryFolder } from '../temporary-folder'
import { until } from './shared-harness'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

function limited(options = {}) {
  const config = new Config(options)
  const limit = config.registerOption({ name: 'limit', type: 'int', fallback: 'Domain>Global', default: '1' })
  const other = config.registerOption({ name: 'other', type: 'string', fallback: 'Global', default: 'none' })
  return { config, limit, other }
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}

describe('transactions', () => {
  it('changes all or nothing, one generation more at a time (A-CF-1, CF-01, CF-15)', async () => {
    const { config, limit, other } = limited()
    const failing = config.transaction((txn) => txn.set('Other', 'new').set('Domain:foo.com.Limit', 'x'))
    await expect(failing).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' })
    await expect(failing).rejects.toThrow('Domain "foo.com".Limit is a whole number of 32 bits, not \'x\'')
    expect([config.generation, config.value(other), config.dirty]).toEqual([0, 'none', false])
    const done = config.transaction((txn) => txn.set('Other', 'new').set('Domain:foo.com.Limit', 5))
    expect(config.value(other)).toBe('none')
    expect(await done).toEqual({ generation: 1, warnings: [], output: [] })
    expect([config.value(other), config.value(limit, { domain: 'foo.com' }), config.dirty]).toEqual([
      'new',
      5,
      true,
    ])
  })

  it('reports every value that is wrong, each with its place (A-CF-3, CF-02)', async () => {
    const { config } = limited()
    const error: ConfigError = await config
      .loadText('limit = a\nother = fine\nDomain "d" {\n  limit = b\n}', { file: 'app.conf' })
      .then(
        () => expect.fail('it was taken'),
        (thrown) => thrown,
      )
    expect(error.all.map(({ line, message }) => [line, message])).toEqual([
      [1, "app.conf:1:1: Global.limit is a whole number of 32 bits, not 'a'"],
      [4, 'app.conf:4:3: Domain "d".limit is a whole number of 32 bits, not \'b\''],
    ])
  })

  it('loses what was changed at a reload, keeps it when it was written back (A-CF-2, CF-02, CF-03, CF-28)', async () => {
    const file = join(temporaryFolder(), 'app.conf')
    writeFileSync(file, '# the limit\nlimit = 5 # five\n')
    const { config, limit, other } = limited({ file })
    await config.reload()
    await config.transaction((txn) => txn.set('limit', 6))
    expect([config.value(limit), config.dirty]).toEqual([6, true])
    await config.reload()
    expect([config.value(limit), config.dirty, config.generation]).toEqual([5, false, 3])
    await config.transaction((txn) => txn.set('limit', 7).set('other', 'a b').set('Domain:x.Limit', 8))
    await config.writeBack()
    expect(config.dirty).toBe(false)
    await config.reload()
    expect([config.value(limit), config.value(other), config.value(limit, { domain: 'x' })]).toEqual([
      7,
      'a b',
      8,
    ])
    expect(readFileSync(file, 'utf8')).toContain('# the limit\nlimit = 7 # five\n')
    await config.transaction((txn) =>
      expect([txn.unset('other'), txn.remove('Domain "x"')]).toEqual([true, true]),
    )
    await config.writeBack()
    await config.reload()
    expect([config.value(other), config.value(limit, { domain: 'x' })]).toEqual(['none', 7])
    writeFileSync(file, 'limit = = 1\n')
    await expect(config.reload()).rejects.toThrow(`${file}:1:9`)
    expect(config.value(limit)).toBe(7)
    await expect(new Config().writeBack()).rejects.toMatchObject({ code: 'ERR_CONFIG_READONLY' })
  })

  it('lets the first of two commit, the other begin again (A-CF-19, CF-28)', async () => {
    const { config, limit, other } = limited()
    const a = config.begin()
    const b = config.begin({ by: 'console' })
    a.set('limit', 2)
    b.set('other', 'b')
    expect(a.eval(limit)).toBe(2)
    expect(config.value(limit)).toBe(1)
    const [first, second] = await Promise.allSettled([a.commit(), b.commit()])
    expect(first).toMatchObject({ status: 'fulfilled', value: { generation: 1 } })
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CONFIG_CONFLICT' } })
    expect(config.value(other)).toBe('none')
    const again = b.replay()
    expect((await again.commit()).generation).toBe(2)
    expect([config.value(limit), config.value(other)]).toEqual([2, 'b'])
    expect(config.locate('other')).toEqual([{ path: 'Global.other', origin: 'console' }])
    for (const txn of [a, b, again]) expect(codeOf(() => txn.set('limit', 3))).toBe('ERR_RELEASED')
    const dropped = config.begin()
    dropped.set('limit', 9)
    dropped.rollback()
    dropped.rollback()
    expect(codeOf(() => dropped.get('limit'))).toBe('ERR_RELEASED')
    await expect(dropped.commit()).rejects.toMatchObject({ code: 'ERR_RELEASED' })
    expect([config.value(limit), config.generation]).toEqual([2, 2])
  })

  it('knows what is set from what is in effect, and begins from scratch (CF-28)', async () => {
    const { config, limit } = limited()
    await config.loadText('limit = 4', { file: 'app.conf' })
    using txn = config.begin()
    txn.setText('Other', '"a b"')
    expect([txn.get('Domain:d.limit'), txn.eval(limit, { domain: 'd' })]).toEqual([undefined, 4])
    expect([txn.locate('LIMIT'), txn.locate('other'), txn.get('other')]).toEqual([
      'app.conf:1',
      '<transaction>',
      'a b',
    ])
    expect(txn.unset('nothing')).toBe(false)
    for (const path of ['', '.', 'a.', 'a..b', 'Domain "x"', 'a b"c', 7 as never]) {
      expect(
        codeOf(() => txn.set(path, 1)),
        String(path),
      ).toBe('ERR_CONFIG_PATH')
    }
    for (const value of [undefined, null, Number.NaN, Symbol('x'), () => 1]) {
      expect(codeOf(() => txn.set('limit', value as never))).toBe('ERR_INVALID_ARGUMENT')
    }
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(codeOf(() => txn.set('limit', cycle as never))).toBe('ERR_INVALID_ARGUMENT')
    await config.transaction((fresh) => fresh.set('other', 'x'), { fromScratch: true })
    expect(config.value(limit)).toBe(1)
  })

  it('refuses a reload inside of a transaction (A-CF-19, CF-28)', async () => {
    const { config } = limited()
    const inside = config.transaction(async () => config.reload('app.conf'))
    await expect(inside).rejects.toMatchObject({ code: 'ERR_CONFIG_TRANSACTION' })
    expect(codeOf(() => config.begin().reload())).toBe('ERR_CONFIG_TRANSACTION')
    expect(config.generation).toBe(0)
  })

  it('reloads that are asked for at once run one after the other (CF-02)', async () => {
    const { config, limit } = limited()
    const results = await Promise.all([2, 3, 4].map((n) => config.loadText(`limit = ${n}`)))
    expect(results.map(({ generation }) => generation)).toEqual([1, 2, 3])
    expect(config.value(limit)).toBe(4)
  })
})

describe('validation', () => {
  it('validates what was read, then sets, then frees, as often as it has set (A-CF-15, CF-15, CF-16)', async () => {
    const config = new Config()
    const log: string[] = []
    config.registerOption({
      name: 'a',
      type: 'int',
      fallback: 'Domain>Global',
      validate: (value, { path }) => {
        log.push(`validate ${path} ${value.value}`)
        return value.value < 10
      },
      postset: (value, { path }) => {
        log.push(`postset ${path}`)
        return value.value
      },
      datafree: (data) => void log.push(`free ${String(data)}`),
    })
    await config.loadText('a = 1\nDomain "d" { a = 2 }')
    expect(log).toEqual([
      'validate Global.a 1',
      'validate Domain "d".a 2',
      'postset Global.a',
      'postset Domain "d".a',
    ])
    log.length = 0
    await expect(config.loadText('a = 3\nDomain "d" { a = 10 }')).rejects.toThrow(
      'Domain "d".a is refused by its validator',
    )
    expect(log).toEqual(['validate Global.a 3', 'validate Domain "d".a 10'])
    log.length = 0
    using held = config.snapshot()
    await config.loadText('a = 4')
    expect(log).toEqual(['validate Global.a 4', 'postset Global.a'])
    held.release()
    expect(log.slice(2)).toEqual(['free 1', 'free 2'])
  })

  it('a validator or postset that throws fails the transaction, and what was set is freed (CF-15, CF-16)', async () => {
    const config = new Config()
    const freed: unknown[] = []
    const common = { type: 'int', fallback: 'Global' } as const
    config.registerOption({
      ...common,
      name: 'a',
      postset: () => 'a',
      datafree: (data) => void freed.push(data),
    })
    config.registerOption({
      ...common,
      name: 'b',
      postset: (value) => {
        if (value.value > 1) throw new RangeError('too much')
      },
    })
    config.registerOption({
      ...common,
      name: 'c',
      validate: () => {
        throw new RangeError('not today')
      },
    })
    config.registerOption({ ...common, name: 'd', validate: () => 'yes' as never })
    await expect(config.loadText('a = 1 b = 2')).rejects.toMatchObject({ code: 'ERR_CONFIG_POSTSET' })
    expect(freed).toEqual(['a'])
    await expect(config.loadText('c = 1')).rejects.toThrow('refused by its validator: not today')
    await expect(config.loadText('d = 1')).rejects.toThrow('answers neither 0 nor 1')
    expect(config.generation).toBe(0)
  })

  it('takes changes of what is not tunable online with a warning, for the next start (A-CF-14, CF-17)', async () => {
    const config = new Config()
    const fixed = config.registerOption({
      name: 'fixed',
      type: 'int',
      fallback: 'Domain>Global',
      default: '1',
      flags: { notTunableOnline: true },
    })
    const free = config.registerOption({ name: 'free', type: 'int', fallback: 'Global', default: '1' })
    expect((await config.loadText('fixed = 2\nDomain "d" { fixed = 3 }')).warnings).toEqual([])
    config.markStarted()
    const result = await config.loadText('free = 5\nfixed = 4\nDomain "e" { fixed = 6 }', {
      file: 'app.conf',
    })
    const message = 'takes effect at the next start'
    expect(result.warnings).toEqual([
      { option: 'Global.fixed', place: 'app.conf:2', message },
      { option: 'Domain "e".fixed', place: 'app.conf:3', message },
      { option: 'Domain "d".fixed', place: undefined, message },
    ])
    const values = (): unknown[] => [
      config.value(free),
      ...['d', 'e', 'f'].map((domain) => config.value(fixed, { domain })),
    ]
    expect(values()).toEqual([5, 3, 2, 2])
    using txn = config.begin()
    expect(txn.get('fixed')).toBe('4')
    // The start goes on counting, not the last reload.
    expect((await config.loadText('fixed = 2\nDomain "d" { fixed = 3 }')).warnings).toEqual([])
    expect(values()).toEqual([1, 3, 2, 2])
  })

  it('warns of settings that no option is for, where options are expected (CF-35)', async () => {
    const { config } = limited()
    const { warnings } = await config.loadText('limmit = 1\nDomain "d" { other = 1 }\nfree { any = 1 }', {
      file: 'a',
    })
    expect(warnings.map(({ option, place }) => [option, place])).toEqual([
      ['Global.limmit', 'a:1'],
      ['Domain "d".other', 'a:2'],
    ])
  })
})

describe('references', () => {
  it('keep their generation, and what is used after its release says so (A-CF-4, A-CF-17, CF-24, CF-25, CF-26)', async () => {
    const { config, limit } = limited()
    await config.loadText('limit = 5')
    const snapshot = config.snapshot()
    const value = config.fetch(limit)
    const again = snapshot.fetch(limit)
    await config.loadText('limit = 6')
    expect([snapshot.value(limit), value.value, value.vint, config.value(limit)]).toEqual([5, 5, 5, 6])
    using old = config.fetch(limit, { txn: snapshot })
    expect(old.value).toBe(5)
    expect(config.liveGenerations()).toEqual([1, 2])
    snapshot.release()
    snapshot.release()
    value.release()
    old.release()
    expect(codeOf(() => value.value)).toBe('ERR_RELEASED')
    expect(codeOf(() => snapshot.value(limit))).toBe('ERR_RELEASED')
    expect(codeOf(() => config.fetch(limit, { txn: snapshot }))).toBe('ERR_RELEASED')
    expect([config.liveGenerations(), config.stats().holds]).toEqual([[1, 2], 1])
    {
      using scoped = again
      expect(scoped.value).toBe(5)
    }
    expect([config.liveGenerations(), config.stats().holds]).toEqual([[2], 0])
  })

  it('two readers have handles of their own (A-CF-16, CF-24)', () => {
    const { config, limit } = limited()
    const one = config.fetch(limit)
    using two = config.fetch(limit)
    one.release()
    expect(two.value).toBe(1)
  })

  it('a forgotten one is released when it is collected, with a warning (A-CF-17, CF-24)', async () => {
    const { config, limit } = limited()
    const warnings: string[] = []
    const warned = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', warned)
    ;((): void => void config.fetch(limit))()
    await until(() => {
      gc()
      return config.stats().holds === 0
    })
    await until(() => warnings.length > 0)
    process.off('warning', warned)
    expect(warnings.join()).toContain('the value of limit was not released')
  })
})

describe('participants', () => {
  it('are called in their phases, see what is pending, and end with the last reader (A-CF-22, CF-22)', async () => {
    const { config } = limited()
    const log: unknown[][] = []
    let own: { readonly value: unknown } | undefined
    config.participant({
      load: (txn) => {
        log.push(['load', txn.generation])
        if (own === undefined)
          config.registerOption({ name: 'mine', type: 'int', fallback: '[mod]', default: '0' })
      },
      prepare: (txn) => {
        const slot = config.slot('mine')!
        using pending = config.fetchModuleAtInit(txn, slot, {})
        using active = config.fetchModule(slot, {})
        own = { value: pending.value }
        log.push(['prepare', pending.value, active.value])
      },
      commit: () => void log.push(['commit', config.generation]),
      destroy: async (generation) => void log.push(['destroy', generation]),
    })
    await config.loadText('mod { mine = 5 }')
    const held = config.snapshot()
    await config.loadText('mod { mine = 6 }')
    const calls = log.filter(([what]) => what !== 'destroy')
    expect(calls.slice(0, 3)).toEqual([
      ['load', 0],
      ['prepare', 5, 0],
      ['commit', 1],
    ])
    expect(calls.slice(3)).toEqual([
      ['load', 1],
      ['prepare', 6, 5],
      ['commit', 2],
    ])
    held.release()
    await until(() => log.some(([what, n]) => what === 'destroy' && n === 1))
    await until(() => config.liveGenerations().length === 1)
  })

  it.each(['load', 'prepare'])(
    'one that fails in %s leaves nothing registered (A-CF-1, CF-01)',
    async (phase) => {
      const { config, limit } = limited()
      const aborted: string[] = []
      config.participant({ abort: () => void aborted.push('first') })
      const fail = (txn: Transaction): void => {
        config.registerOption({ name: 'mine', type: 'int', fallback: '[mod]' })
        config.defineScope({ name: 'Mine' })
        expect(txn.eval(limit)).toBe(7)
        throw new Error('no module today')
      }
      config.participant({ [phase]: fail, abort: () => void aborted.push('second') })
      config.participant({ abort: () => void aborted.push('third') })
      await expect(config.loadText('limit = 7\nmod { mine = 1 }')).rejects.toThrow('no module today')
      expect(aborted).toEqual(phase === 'load' ? ['second', 'first'] : ['third', 'second', 'first'])
      expect([config.slot('mine'), config.stats().options, config.generation]).toEqual([undefined, 2, 0])
      config.defineScope({ name: 'Mine', instances: false })
    },
  )
})

describe('hooks', () => {
  it('may refuse a change, and are told of each generation once (A-CF-23, CF-33)', async () => {
    const hooks = new Hooks()
    const { config, limit } = limited({ hooks })
    const told: number[] = []
    const own = new ConfigHooks(hooks)
    own.postCommit.registerFirst((_, generation) => void told.push(generation), null)
    own.allowWritable.registerFirst(
      (_, { path, by }) => (path === 'Limit' && by === 'console' ? 'limits are for the file' : undefined),
      null,
    )
    const refused = config.transaction((txn) => txn.set('Limit', 2), { by: 'console' })
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_CONFIG_VETO',
      message: 'limits are for the file',
    })
    await config.transaction((txn) => txn.set('Limit', 3))
    await config.loadText('limit = 4')
    expect([told, config.value(limit)]).toEqual([[1, 2], 4])
  })

  it('that fail behind a commit fail nothing of it (CF-33, HK-18)', async () => {
    const hooks = new Hooks()
    const { config, limit } = limited({ hooks })
    const registered = hooks.declareVoid('case', 'registered')
    const codes: unknown[] = []
    const note = (warning: Error) => void codes.push((warning as { code?: unknown }).code)
    process.on('warning', note)
    new ConfigHooks(hooks).postCommit.registerFirst((async () => {}) as never, null)
    config.participant({
      prepare: (txn) => {
        const window = { module: 'case', phase: 'extInit', singleton: false, privileged: false } as const
        const self = {}
        hooks.during({ ...window, registry: txn.hookRegistry, infrastructure: self } as never, () => {
          registered.registerLast(() => {}, self)
        })
      },
    })
    expect(await config.loadText('limit = 4')).toMatchObject({ generation: 1 })
    await until(() => codes.includes('HEDDLE_CONFIG_CALLBACK'))
    process.off('warning', note)
    expect([config.generation, config.value(limit), registered.has()]).toEqual([1, 4, 1])
  })

  it('follow the generations: what is pending has a registry of its own (CF-25)', async () => {
    const hooks = new Hooks()
    const { config } = limited({ hooks })
    const seen: unknown[] = []
    config.participant({ prepare: (txn) => void seen.push(txn.hookRegistry) })
    await config.loadText('limit = 2')
    expect(hooks.current).toBe(seen[0])
    using snapshot = config.snapshot()
    await config.loadText('limit = 3')
    expect(snapshot.hookRegistry).toBe(seen[0])
    expect(hooks.current).toBe(seen[1])
    snapshot.release()
    await until(() => config.liveGenerations().length === 1)
    expect((seen[0] as typeof hooks.current).state).toBe('destroyed')
  })
})
