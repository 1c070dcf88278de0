import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { Config, ConfigReader, type ConfigQuery, type ReaderSnapshot } from '../../lib/config'
import { DIST } from './compiled'
import { until } from './shared-harness'

const configs: Config[] = []
const workers: Worker[] = []

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
  for (const config of configs.splice(0)) config.close()
})

function newConfig(options = {}): Config {
  const config = new Config(options)
  configs.push(config)
  return config
}

/** A worker that runs `body` with a reader, and answers with what it returns; `say` tells something on the way. */
function start(body: string, data: unknown = undefined, how = 'ConfigReader.attach()'): Reading {
  return new Reading(
    `
    const { parentPort, workerData: data, Worker } = require('node:worker_threads')
    const { ConfigReader } = require(${JSON.stringify(join(DIST, 'config'))})
    const say = (value) => parentPort.postMessage({ value })
    const turn = () => new Promise((done) => setImmediate(done))
    const codeOf = (call) => { try { call(); return 'none' } catch (error) { return error.code } }
    const told = () => new Promise((resolve) => parentPort.once('message', resolve))
    const main = async () => { const reader = ${how}; ${body} }
    main().then((value) => parentPort.postMessage({ value, isLast: true }))`,
    data,
  )
}

class Reading {
  readonly worker: Worker
  readonly #said: unknown[] = []
  #heard = () => {}

  constructor(code: string, data: unknown) {
    this.worker = new Worker(code, { eval: true, workerData: data })
    workers.push(this.worker)
    this.worker.on('message', ({ value }: { value: unknown }) => {
      this.#said.push(value)
      this.#heard()
    })
  }

  /** What it says next. Rejects if it ends without. */
  async next<T>(): Promise<T> {
    while (this.#said.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#heard = resolve
        this.worker.once('error', reject)
        this.worker.once('exit', () =>
          this.#said.length === 0 ? reject(new Error('it said nothing')) : resolve(),
        )
      })
    }
    return this.#said.shift() as T
  }

  tell(word: unknown): void {
    this.worker.postMessage(word)
  }
}

function option(
  config: Config,
  name: string,
  fallback = 'Binding:Domain>Binding>Domain>Binding_Group>Global',
) {
  return config.registerOption({ name, type: 'int', fallback, default: '0' })
}

const EXAMPLES: readonly (readonly [type: string, text: string])[] = [
  ['string', '"ä €\u{1F600} x"'],
  ['int', '"-5"'],
  ['uint64', '18446744073709551615'],
  ['perms', '0640'],
  ['bool', 'yes'],
  ['float', '1.5e3'],
  ['sockaddr', '"[::1]:80"'],
  ['sockaddrPortless', '"10.0.0.1"'],
  ['throttle', '"5/2"'],
  ['dict', '[ b = 1 a = "x y" ]'],
  ['size', '17'],
  ['regex', '"^a.b$"'],
]

describe('in other isolates', () => {
  it('every type reads as it does for the owner (CF-34, CF-06)', async () => {
    const config = newConfig()
    const slots = EXAMPLES.map(([type]) =>
      config.registerOption({ name: `o_${type}`, type: type as 'string', fallback: 'Global' }),
    )
    const list = config.registerOption({
      name: 'list',
      type: 'int',
      fallback: '[mod]',
      flags: { isArray: true },
    })
    const absent = config.registerOption({ name: 'absent', type: 'int', fallback: 'Global' })
    const byDefault = config.registerOption({
      name: 'by_default',
      type: 'bool',
      fallback: 'Global',
      default: 'on',
    })
    await config.loadText(
      `${EXAMPLES.map(([type, text]) => `o_${type} = ${text}`).join('\n')}\nmod { list = (3 1 2) }`,
    )
    config.share()
    const names = [...slots, list, absent, byDefault].map(({ name }) => name)
    const reading = start(
      `return data.map((name) => {
        const value = reader.value(reader.slot(name))
        const frozen = typeof value !== 'object' || Object.isFrozen(value)
        return { frozen, value: name === 'o_dict' ? new Map(value) : value }
      })`,
      names,
    )
    const answers = await reading.next<{ frozen: boolean; value: unknown }[]>()
    for (const [i, slot] of [...slots, list, absent, byDefault].entries()) {
      const own: unknown = config.value(slot as never)
      const expected = slot.name === 'o_dict' ? new Map(own as Map<string, string>) : own
      expect(answers[i], slot.name).toEqual({ frozen: true, value: expected })
    }
  })

  it('every query finds what it finds for the owner, among a few stanzas and among thousands (CF-34, CF-20, CF-32)', async () => {
    const config = newConfig()
    const slot = option(config, 'key')
    const many = Array.from({ length: 3000 }, (_, i) => `Domain "d${i}.test" { key = ${i} }`)
    await config.loadText(String.raw`key = 1
      ${many.join('\n')}
      Domain "d7.test" { key = 70 }
      Domain "/^x.*\.test$/" { key = 2 }
      Binding "b" { key = 3 Domain "D5.TEST" { key = 4 } }
      Binding_Group "g" { key = 5 Binding "inner" { Domain "/^y/" { key = 6 } } }`)
    config.share()
    const queries: ConfigQuery[] = [
      {},
      ...[0, 5, 7, 2999, 3000].map((i) => ({ domain: `d${i}.test` })),
      { domain: 'D2998.Test' },
      { domain: 'xyz.test' },
      { binding: 'b' },
      { binding: 'B' },
      { binding: 'b', domain: 'd5.test' },
      { binding: 'inner' },
      { binding: 'inner', domain: 'y' },
      { binding: 'inner', domain: 'z' },
      { bindingGroup: 'g' },
      { scopes: { Domain: 'd9.test' } },
    ]
    const reading = start(
      'const slot = reader.slot("KEY"); return data.map((query) => reader.value(slot, query))',
      queries,
    )
    const answers = await reading.next()
    expect(answers).toEqual(queries.map((query) => config.value(slot, query)))
    expect(answers).toContain(70)
    expect(answers).toContain(6)
  })

  it('finds what a later generation brings, and refuses what is not its own (CF-34)', async () => {
    const config = newConfig()
    option(config, 'key')
    config.share()
    const reading = start(`
      const key = reader.slot('key')
      say([reader.value(key), reader.slot('later')])
      await told()
      const later = reader.slot('later')
      say([reader.value(key), reader.value(later), reader.slot('key') === key, reader.value(reader.slot('pool'), { scopes: { pool: 'p' } })])
      say([codeOf(() => reader.value({ index: 0 })), codeOf(() => reader.value(key, { domain: 5 })), codeOf(() => ConfigReader.attach({}))])
      const snapshot = reader.snapshot()
      const value = reader.fetch(key)
      snapshot.release()
      say([codeOf(() => snapshot.value(key)), value.value])
      const other = reader.snapshot()
      reader.close()
      return [codeOf(() => reader.value(key)), codeOf(() => other.value(key)), codeOf(() => reader.snapshot()), value.value]`)
    expect(await reading.next()).toEqual([0, undefined])
    option(config, 'later')
    config.defineScope({ name: 'Pool' })
    option(config, 'pool', 'Pool>Global')
    await config.loadText('key = 5 later = 6 Pool "p" { pool = 7 }')
    reading.tell('go')
    expect(await reading.next()).toEqual([5, 6, true, 7])
    expect(await reading.next()).toEqual([
      'ERR_INVALID_ARGUMENT',
      'ERR_INVALID_ARGUMENT',
      'ERR_INVALID_ARGUMENT',
    ])
    expect(await reading.next()).toEqual(['ERR_RELEASED', 5])
    expect(await reading.next()).toEqual(['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED', 5])
  })

  it.each([
    [8, 200],
    [4, 1000],
  ])(
    '%i readers see each generation whole while %i reloads run (A-CF-18, CF-34)',
    async (readers, reloads) => {
      const config = newConfig()
      option(config, 'first')
      option(config, 'last', 'Domain>Global')
      const filler = Array.from({ length: 100 }, (_, i) => `f${i} { text = "filler ${i}" }`).join('\n')
      const textOf = (n: number): string => `first = ${n}\n${filler}\nDomain "d" { last = ${n} }`
      await config.loadText(textOf(1))
      config.share()
      const started = Array.from({ length: readers }, () =>
        start(
          `const first = reader.slot('first'), last = reader.slot('last')
        let reads = 0, seen = 0, wrong = 0, generations = 0, isHalf = false
        say('reads')
        for (let now = 0; now < data; reads++) {
          const snapshot = reader.snapshot()
          if (snapshot.value(first) !== now) generations++
          now = snapshot.value(first)
          if (snapshot.value(last, { domain: 'd' }) !== now || !snapshot.verify()) wrong++
          snapshot.release()
          const value = reader.value(first)
          if (value < now) wrong++
          if (value > seen) seen = value
          if (!isHalf && now >= data / 2) say('half')
          isHalf ||= now >= data / 2
          if (reads % 8 === 0) await turn()
        }
        return { generations, seen, wrong }`,
          reloads,
        ),
      )
      await Promise.all(started.map((reading) => reading.next()))
      for (let n = 2; n <= reloads; n++) {
        await config.loadText(textOf(n))
        // However slow the readers are: they have read when half of it is still to come.
        if (n === reloads / 2) await Promise.all(started.map((reading) => reading.next()))
      }
      for (const reading of started) {
        const { generations, seen, wrong } = await reading.next<{
          generations: number
          seen: number
          wrong: number
        }>()
        expect({ seen, wrong }).toEqual({ seen: reloads, wrong: 0 })
        expect(generations).toBeGreaterThan(1)
      }
      await until(() => config.stats().liveGenerations === 1)
    },
  )

  it('a reader elsewhere keeps its generation alive (A-CF-4, CF-25, CF-26)', async () => {
    const config = newConfig()
    const freed: unknown[] = []
    config.registerOption({
      name: 'key',
      type: 'int',
      fallback: 'Global',
      postset: (value) => value.value,
      datafree: (data) => void freed.push(data),
    })
    await config.loadText('key = 1')
    config.share()
    const reading = start(`
      const key = reader.slot('key')
      const snapshot = reader.snapshot()
      const value = reader.fetch(key)
      say('holds')
      await told()
      say([snapshot.generation, snapshot.value(key), reader.generation, reader.value(key)])
      snapshot.release()
      value.release()
      say('released')
      await told()`)
    await reading.next()
    await config.loadText('key = 2')
    reading.tell('go')
    expect(await reading.next()).toEqual([1, 1, 2, 2])
    expect(await reading.next()).toBe('released')
    // Without asking: the release wakes the owner.
    await until(() => freed.length === 1)
    expect(config.liveGenerations()).toEqual([2])
    expect(freed).toEqual([1])
  })

  it('what a worker held is given back when it ends, its own workers included (CF-26, CF-34)', async () => {
    const config = newConfig()
    option(config, 'key')
    await config.loadText('key = 1')
    config.share()
    const inner = `
      const { ConfigReader } = require(${JSON.stringify(join(DIST, 'config'))})
      const held = ConfigReader.attach().snapshot()
      require('node:worker_threads').parentPort.postMessage(held.generation)
      setInterval(() => held.generation, 1000)`
    const reading = start(
      `const held = reader.snapshot()
      const worker = new Worker(data, { eval: true })
      worker.on('message', (generation) => say([held.generation, generation]))
      await told()`,
      inner,
    )
    expect(await reading.next()).toEqual([1, 1])
    await config.loadText('key = 2')
    expect(config.liveGenerations()).toEqual([1, 2])
    await reading.worker.terminate()
    await until(() => config.stats().liveGenerations === 1)
  })

  it('workers that are terminated in the middle of reading leave nothing held (CF-34)', async () => {
    const config = newConfig()
    option(config, 'key')
    await config.loadText('key = 1')
    config.share()
    const { imageBytes } = config.stats()
    for (let round = 0; round < 10; round++) {
      const reading = start(`
        const key = reader.slot('key')
        const kept = []
        say('reads')
        for (;;) {
          const held = reader.snapshot()
          held.value(key)
          if (Math.random() < 0.5) held.release()
          else if (kept.push(held) > 1000) kept.shift().release()
        }`)
      await reading.next()
      await config.loadText(`key = ${round + 2}`)
      await reading.worker.terminate()
    }
    await until(() => config.stats().liveGenerations === 1)
    expect(config.stats().imageBytes).toBe(imageBytes)
  })

  it('a worker from before the sharing attaches by the token, and is watched on request (CF-34)', async () => {
    const config = newConfig()
    option(config, 'key')
    await config.loadText('key = 1')
    const reading = start(
      'const held = reader.snapshot(); say(held.generation); await told()',
      undefined,
      'ConfigReader.attach(await told())',
    )
    await once(reading.worker, 'online')
    const token = config.share()
    config.watchWorker(reading.worker)
    reading.tell(token)
    expect(await reading.next()).toBe(1)
    await config.loadText('key = 2')
    expect(config.liveGenerations()).toEqual([1, 2])
    await reading.worker.terminate()
    await until(() => config.stats().liveGenerations === 1)
  })

  it('tells of changes, and lets an isolate that listens end (CF-33, CF-34)', async () => {
    const config = newConfig()
    option(config, 'key')
    config.share()
    const reading = start(`
      const stop = reader.onChange((generation) => { say(generation); if (generation === 2) stop() })
      reader.onChange(() => {})
      say('listens')
      // Its parent's words alone keep it alive.
      parentPort.on('message', () => parentPort.close())`)
    expect(await reading.next()).toBe('listens')
    expect(await reading.next()).toBeUndefined()
    await config.loadText('key = 1')
    expect(await reading.next()).toBe(1)
    await config.loadText('key = 2')
    expect(await reading.next()).toBe(2)
    await config.loadText('key = 3')
    const ended = once(reading.worker, 'exit')
    reading.tell('end')
    expect(await ended).toEqual([0])
  })

  it('a generation for which there is no room fails its transaction, and the old one stays (CF-34)', async () => {
    const config = newConfig({ imageBytes: 256 * 1024 })
    const key = option(config, 'key')
    await config.loadText('key = 1')
    config.share()
    const large = Array.from({ length: 20_000 }, (_, i) => `stanza${i} { text = "${i}" }`).join('\n')
    await expect(config.loadText(`key = 2\n${large}`)).rejects.toMatchObject({ code: 'ERR_CONFIG_FULL' })
    expect(config.generation).toBe(1)
    expect(config.value(key)).toBe(1)
    await config.loadText('key = 3')
    using reader = ConfigReader.attach(config.share())
    expect(reader.value(reader.slot<number>('key')!)).toBe(3)
    expect(() => newConfig({ imageBytes: 64 }).share()).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_FULL' }),
    )
  })

  it('more live generations than there is room for fail the transaction too (CF-26)', async () => {
    const config = newConfig()
    option(config, 'key')
    config.share()
    using reader = ConfigReader.attach(config.share())
    const held: ReaderSnapshot[] = []
    for (let n = 1; n < 64; n++) {
      held.push(reader.snapshot())
      await config.loadText(`key = ${n}`)
    }
    expect(config.liveGenerations()).toHaveLength(64)
    held.push(reader.snapshot())
    await expect(config.loadText('key = 99')).rejects.toMatchObject({ code: 'ERR_CONFIG_FULL' })
    for (const snapshot of held) snapshot.release()
    await config.loadText('key = 100')
    expect(config.liveGenerations()).toEqual([64])
  })
})
