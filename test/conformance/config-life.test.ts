import { describe, expect, it } from 'vitest'
import { Config, type ConfigReadable } from '../../lib/config'
import { Hooks } from '../../lib/hooks'

const INT = { type: 'int', fallback: 'Global' } as const

/** An option whose values get data, and what became of them. */
function counted(config: Config, name: string, text?: string) {
  const made: number[] = []
  const freed: unknown[] = []
  const slot = config.registerOption({
    ...INT,
    fallback: 'Domain>Global',
    name,
    ...(text === undefined ? {} : { default: text }),
    postset: () => made.push(made.length + 1),
    datafree: (data) => void freed.push(data),
  })
  return { slot, made, freed }
}

class Gate {
  open = () => {}
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

describe('data of values', () => {
  it('of a default are those of the generation, not of the next (CF-16, CF-26)', async () => {
    const config = new Config()
    const { slot, freed } = counted(config, 'a', '1')
    await config.loadText('')
    using first = config.snapshot()
    await config.loadText('')
    const dataOf = (from: Pick<Config, 'fetch'>, query = {}) => {
      using value = from.fetch(slot, query)
      return value.data
    }
    expect([dataOf(first as never), dataOf(config), freed]).toEqual([1, 2, []])
    let isFailing = false
    config.registerOption({
      ...INT,
      name: 'z',
      default: '1',
      postset: () => {
        if (isFailing) throw new Error('not today')
      },
    })
    // Fails after the default had its data: those of what is active stay.
    isFailing = true
    await expect(config.loadText('')).rejects.toMatchObject({ code: 'ERR_CONFIG_POSTSET' })
    expect([dataOf(config), freed]).toEqual([2, [3]])
    first.release()
    isFailing = false
    await config.loadText('Domain "d" { a = 1 }')
    expect(dataOf(config, { domain: 'd' })).toBe(4)
    // The default gets none where something sets the option.
    expect(dataOf(config)).toBeUndefined()
    await config.end()
  })

  it('come with an option that is registered late, and go with the generation (CF-16)', async () => {
    const config = new Config()
    await config.loadText('a = 5\nDomain "d" { a = 6 }')
    const a = counted(config, 'a')
    const b = counted(config, 'b', '1')
    const data = [config.fetch(a.slot), config.fetch(a.slot, { domain: 'd' }), config.fetch(b.slot)]
    expect(data.map((value) => value.data)).toEqual([1, 2, 1])
    for (const value of data) value.release()
    const refused = { ...INT, name: 'c', default: '1', postset: () => Promise.reject(new Error('late')) }
    expect(() => config.registerOption(refused)).toThrow(
      'postset of the default of c failed: it is asynchronous',
    )
    expect(config.slot('c')).toBeUndefined()
    await config.loadText('')
    expect([a.freed, b.freed]).toEqual([[1, 2], [1]])
    await config.end()
    expect([a.made.length, a.freed, b.made.length, b.freed]).toEqual([2, [1, 2], 2, [1, 2]])
  })
})

describe('the end of a Config', () => {
  it('frees as often as it set, waits for what is under way, lets nothing begin (A-CF-15, CF-16)', async () => {
    const hooks = new Hooks()
    const config = new Config({ hooks })
    const { slot, made, freed } = counted(config, 'a', '1')
    const log: string[] = []
    const gate = new Gate()
    const begun = new Gate()
    await config.loadText('a = 2')
    config.share()
    config.participant({
      prepare: () => {
        begun.open()
        return gate.opened
      },
      commit: () => void log.push('commit'),
      destroy: async (generation) => void log.push(`destroy ${generation}`),
    })
    const underWay = config.loadText('a = 3')
    await begun.opened
    const waiting = config.transaction((txn) => txn.set('a', 4))
    const refused = waiting.catch((error) => error.code)
    const ending = config.end()
    const again = config[Symbol.asyncDispose]()
    gate.open()
    expect((await underWay).generation).toBe(2)
    expect(await refused).toBe('ERR_CLOSED')
    await ending
    await again
    expect([log, made, freed]).toEqual([
      ['commit', 'destroy 1', 'destroy 2'],
      [1, 2],
      [1, 2],
    ])
    expect([config.value(slot), config.liveGenerations()]).toEqual([3, []])
    for (const run of [
      () => config.fetch(slot),
      () => config.snapshot(),
      () => config.share(),
      () => config.registerOption({ ...INT, name: 'b' }),
    ])
      expect(run).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    for (const run of [() => config.loadText(''), () => config.writeBack(), () => config.begin().commit()])
      await expect(run()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('leaves a generation to whoever holds it, and cannot be waited for in a commit (CF-26)', async () => {
    const config = new Config()
    const { slot, freed } = counted(config, 'a', '1')
    const codes: string[] = []
    const remove = config.participant({
      load: async () => {
        for (const run of [() => config.seal(), () => config.end()])
          await run().catch((error) => codes.push(error.code))
      },
    })
    await config.loadText('')
    remove()
    await config.loadText('')
    expect(codes).toEqual(['ERR_CONFIG_TRANSACTION', 'ERR_CONFIG_TRANSACTION'])
    using held = config.snapshot()
    await config.end()
    expect([held.value(slot), freed, config.liveGenerations()]).toEqual([1, [1], [2]])
    held.release()
    expect([freed, config.liveGenerations()]).toEqual([[1, 2], []])
  })
})

describe('participants', () => {
  it('that come during a commit take part in the next, and can be taken out (CF-01)', async () => {
    const config = new Config()
    const log: string[] = []
    const late = {
      load: () => void log.push('load'),
      prepare: () => void log.push('prepare'),
      commit: () => void log.push('commit'),
      abort: () => void log.push('abort'),
    }
    let remove = () => {}
    config.participant({
      load: () => {
        if (config.generation === 0) remove = config.participant(late)
      },
    })
    await config.loadText('')
    expect(log).toEqual([])
    await config.loadText('')
    expect(log).toEqual(['load', 'prepare', 'commit'])
    remove()
    remove()
    await config.loadText('')
    expect(log).toHaveLength(3)
  })
})

describe('what a failed transaction registered', () => {
  it('uses nothing up (CF-04)', async () => {
    const config = new Config()
    const many = 500
    let isFailing = true
    config.participant({
      load: () => {
        for (let i = 0; i < many; i++) config.registerOption({ ...INT, name: `o${i}`, default: '1' })
        if (isFailing) throw new Error('no')
      },
    })
    for (let i = 0; i < 40; i++) await expect(config.transaction(() => {})).rejects.toThrow('no')
    isFailing = false
    await config.transaction((txn) => txn.set('o499', 2))
    expect([config.slot('o499')?.index, config.stats().options]).toEqual([499, many])
  })

  it('has numbers that nobody else gets where others may know them (CF-34)', async () => {
    const config = new Config()
    let made: number | undefined
    config.participant({
      prepare: () => {
        made = config.registerOption({ ...INT, name: 'a' }).index
        config.share()
        throw new Error('no')
      },
    })
    await expect(config.transaction(() => {})).rejects.toThrow('no')
    expect(config.registerOption({ ...INT, name: 'b' }).index).toBe((made ?? Number.NaN) + 1)
    config.close()
  })
})

describe('options that are not tunable online', () => {
  const FIXED = { flags: { notTunableOnline: true } }

  it('keep their values for who reads at init, and for eval (A-CF-14, CF-17, CF-22)', async () => {
    const config = new Config()
    const slot = config.registerOption({ ...INT, ...FIXED, name: 'fixed', default: '1' })
    let validated = 0
    config.registerOption({ ...INT, name: 'other', validate: () => ++validated > 0 })
    const seen: unknown[] = []
    const read = (txn: ConfigReadable) => config.fetchModuleAtInit(txn, slot, {}).value
    config.participant({
      prepare: (txn) => void seen.push(read(txn), txn.place().value(slot), txn.eval(slot), txn.get('fixed')),
    })
    await config.loadText('fixed = 2')
    config.markStarted()
    seen.length = 0
    const result = await config.loadText('fixed = 3\nother = 1')
    expect(result.warnings).toMatchObject([
      { option: 'Global.fixed', message: 'takes effect at the next start' },
    ])
    expect([seen, config.value(slot), validated]).toEqual([[2, 2, 2, '3'], 2, 1])
    using txn = config.begin()
    txn.set('fixed', 4)
    expect([txn.eval(slot), txn.get('fixed')]).toEqual([2, '4'])
  })

  it('come and go with a stanza that is for itself, and know it by any spelling (CF-17)', async () => {
    const config = new Config()
    config.defineScope({ name: 'Listener' })
    const port = config.registerOption({ ...INT, ...FIXED, name: 'port', fallback: 'Listener' })
    const only = config.registerOption({ ...INT, ...FIXED, name: 'only', fallback: '[mod]', default: '1' })
    const own = config.registerOption({
      ...INT,
      ...FIXED,
      name: 'own',
      fallback: 'Domain>Global',
      default: '1',
    })
    await config.loadText('Listener "a" { port = 1 }\nListener "b" { port = 2 }\nDomain "Foo" { own = 2 }')
    config.markStarted()
    const { warnings } = await config.loadText(
      'LISTENER "b" { Port = 3 }\nListener "c" { port = 4 }\nmod { only = 2 }\ndomain "foo" { own = 2 }\nDomain "new" { own = 3 }',
    )
    expect(warnings.map(({ option }) => option)).toEqual([
      'LISTENER "b".port',
      'mod.only',
      'Domain "new".own',
    ])
    const ports = ['a', 'b', 'c'].map((listener) => config.value(port, { scopes: { listener } }))
    expect(ports).toEqual([undefined, 2, 4])
    expect([
      config.value(only),
      config.value(own, { domain: 'foo' }),
      config.value(own, { domain: 'new' }),
    ]).toEqual([1, 2, 1])
  })
})
