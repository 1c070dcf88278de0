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
    while (this.#said.length === 0) await this.#hears()
    return this.#said.shift() as T
  }

  async #hears(): Promise<void> {
    const { worker } = this
    const { promise, resolve, reject } = deferred()
    const ended = () => (this.#said.length === 0 ? reject(new Error('it said nothing')) : resolve())
    this.#heard = resolve
    worker.once('error', reject).once('exit', ended)
    await promise.finally(() => worker.off('error', reject).off('exit', ended))
  }

  tell(word: unknown): void {
    this.worker.postMessage(word)
  }
}

function deferred() {
  let resolve = (): void => {}
  let reject = (_: unknown): void => {}
  const promise = new Promise<void>((done, fail) => {
    resolve = done
    reject = fail
  })
  return { promise, resolve, reject }
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

  it('what an option is does not change with the scopes that come later (CF-34, CF-36)', async () => {
    const config = newConfig()
    const single = option(config, 'single', '[pool]')
    const many = option(config, 'many', 'Queue')
    await config.loadText('pool { single = 1 } queue "q" { many = 2 }')
    const refused = expect.objectContaining({ code: 'ERR_CONFIG_SCOPE' })
    expect(() => config.defineScope({ name: 'Pool' })).toThrow(refused)
    expect(() => config.defineScope({ name: 'queue', instances: false })).toThrow(refused)
    // Declared in a commit that fails, and used by an option that stays.
    let declared = () => {}
    const used = new Promise<void>((resolve) => {
      declared = resolve
    }).then(() => {
      option(config, 'late', 'Extra>Global')
      config.defineScope({ name: 'Inner', parents: ['Outer'] })
    })
    let isFirst = true
    config.participant({
      async prepare() {
        if (!isFirst) return
        isFirst = false
        config.defineScope({ name: 'Extra' })
        config.defineScope({ name: 'Outer' })
        config.defineScope({ name: 'Gone' })
        config.defineScope({ name: 'Gone_Too', parents: ['Gone'] })
        declared()
        await used
        throw new Error('it fails')
      },
    })
    await expect(config.loadText('late = 4')).rejects.toThrow('it fails')
    for (const name of ['Gone', 'Gone_Too']) expect(() => option(config, 'other', `${name}>Global`)).toThrow()
    await config.loadText('pool { single = 1 } queue "q" { many = 2 } Extra "e" { late = 3 }')
    config.share()
    using reader = ConfigReader.attach(config.share())
    const late = reader.slot<number>('late')!
    expect(reader.value(reader.slot('single')!)).toBe(config.value(single))
    expect(reader.value(reader.slot('many')!, { instance: 'q' })).toBe(config.value(many, { instance: 'q' }))
    expect([reader.value(late, { scopes: { extra: 'e' } }), reader.value(late)]).toEqual([3, 0])
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

  /** Code of a worker that holds the generation that is active when it starts, and tells which one. */
  const HOLDS = `
    const { ConfigReader } = require(${JSON.stringify(join(DIST, 'config'))})
    const held = ConfigReader.attach().snapshot()
    require('node:worker_threads').parentPort.postMessage(held.generation)
    setInterval(() => held.generation, 1000)`

  /** Starts the workers of `data`, says what they tell, and ends one when it is told to. Knows nothing of Heddle. */
  const STARTS = `
    const { parentPort, workerData, Worker } = require('node:worker_threads')
    const started = workerData.map((code) => new Worker(code, { eval: true, workerData: [${JSON.stringify(HOLDS)}] }))
    for (const worker of started) worker.on('message', (value) => parentPort.postMessage(value.value === undefined ? { value } : value))
    parentPort.on('message', async (which) => { await started[which].terminate(); parentPort.postMessage({ value: 'ended' }) })`

  async function sharedConfig(): Promise<Config> {
    const config = newConfig()
    option(config, 'key')
    await config.loadText('key = 1')
    config.share()
    return config
  }

  it('what a worker held is given back when it ends, its own workers included (CF-26, CF-34)', async () => {
    const config = await sharedConfig()
    const reading = start(
      `const held = reader.snapshot()
      const worker = new Worker(data, { eval: true })
      worker.on('message', (generation) => say([held.generation, generation]))
      await told()`,
      HOLDS,
    )
    expect(await reading.next()).toEqual([1, 1])
    await config.loadText('key = 2')
    expect(config.liveGenerations()).toEqual([1, 2])
    await reading.worker.terminate()
    await until(() => config.stats().liveGenerations === 1)
  })

  it('what a worker held is given back when it ends, whatever those that started it know of the Config (CF-26, CF-34)', async () => {
    const config = await sharedConfig()
    const middle = new Reading(STARTS, [HOLDS, HOLDS, STARTS])
    expect([await middle.next(), await middle.next(), await middle.next()]).toEqual([1, 1, 1])
    await config.loadText('key = 2')
    expect(config.stats()).toMatchObject({ liveGenerations: 2, holds: 3 })
    // One that ends alone.
    middle.tell(0)
    expect(await middle.next()).toBe('ended')
    await until(() => config.stats().holds === 2)
    expect(config.liveGenerations()).toEqual([1, 2])
    // One whose starter ends, which does not read and was started by one that does not either.
    middle.tell(2)
    expect(await middle.next()).toBe('ended')
    await until(() => config.stats().holds === 1)
    expect(config.liveGenerations()).toEqual([1, 2])
    await middle.worker.terminate()
    await until(() => config.stats().liveGenerations === 1)
    expect(config.stats().holds).toBe(0)
  })

  it('a commit that finds no room looks who is dead before it fails (CF-26)', async () => {
    const config = await sharedConfig()
    const inner = `
      const { ConfigReader } = require(${JSON.stringify(join(DIST, 'config'))})
      const { parentPort } = require('node:worker_threads')
      const { port } = require('node:worker_threads').workerData
      const reader = ConfigReader.attach(), held = []
      port.on('message', () => port.postMessage({ value: held.push(reader.snapshot()) }))
      parentPort.postMessage('holds')`
    const middle = new Reading(
      `const { parentPort, workerData, Worker, MessageChannel } = require('node:worker_threads')
      const { port1, port2 } = new MessageChannel()
      const worker = new Worker(workerData, { eval: true, workerData: { port: port2 }, transferList: [port2] })
      port1.on('message', (value) => parentPort.postMessage(value))
      worker.once('message', () => parentPort.postMessage({ value: 'holds' }))
      parentPort.on('message', async (word) => {
        if (word === 'hold') return port1.postMessage(word)
        await worker.terminate()
        parentPort.postMessage({ value: 'ended' })
      })`,
      inner,
    )
    expect(await middle.next()).toBe('holds')
    for (let n = 2; n < 65; n++) {
      middle.tell('hold')
      expect(await middle.next()).toBe(n - 1)
      await config.loadText(`key = ${n}`)
    }
    await expect(config.loadText('key = 65')).rejects.toMatchObject({ code: 'ERR_CONFIG_FULL' })
    middle.tell('end')
    expect(await middle.next()).toBe('ended')
    // One that was asked a moment ago is not asked again at once.
    await until(() =>
      config.loadText('key = 65').then(
        () => true,
        () => false,
      ),
    )
    expect(config.liveGenerations()).toEqual([65])
  })

  it('without being asked the owner finds out who is dead, among siblings too (CF-26, CF-34)', async () => {
    const owner = new Reading(
      `const { parentPort } = require('node:worker_threads')
      const { Config } = require(${JSON.stringify(join(DIST, 'config'))})
      const config = new Config()
      config.registerOption({
        name: 'key', type: 'int', fallback: 'Global', postset: (value) => value.value,
        datafree: (data) => parentPort.postMessage({ value: ['freed', data] }),
      })
      parentPort.on('message', async (text) => parentPort.postMessage({ value: (await config.loadText(text)).generation }))
      config.loadText('key = 1').then(() => parentPort.postMessage({ value: config.share() }))`,
      undefined,
    )
    const token = await owner.next()
    const reading = start(
      'const held = reader.snapshot(); say(held.generation); await told(); held.release()',
      token,
      'ConfigReader.attach(data)',
    )
    expect(await reading.next()).toBe(1)
    owner.tell('key = 2')
    expect(await owner.next()).toBe(2)
    await reading.worker.terminate()
    expect(await owner.next()).toEqual(['freed', 1])
  })

  it('workers of an isolate whose reader is closed are given back too (CF-34)', async () => {
    const config = await sharedConfig()
    const reading = start(
      `reader.close()
      const worker = new Worker(data, { eval: true })
      worker.on('message', say)
      await told()
      await worker.terminate()
      say('ended')
      await told()`,
      HOLDS,
    )
    expect(await reading.next()).toBe(1)
    await config.loadText('key = 2')
    expect(config.liveGenerations()).toEqual([1, 2])
    reading.tell('end')
    expect(await reading.next()).toBe('ended')
    await until(() => config.stats().liveGenerations === 1)
  })

  it('an isolate attaches as often as it likes; each reader gives back what it held (CF-34)', async () => {
    const config = await sharedConfig()
    const readers = Array.from({ length: 300 }, () => ConfigReader.attach(config.share()))
    const [first, second] = readers as [ConfigReader, ConfigReader]
    first.snapshot()
    const kept = second.snapshot()
    first.fetch(first.slot('key')!)
    expect(config.stats().holds).toBe(3)
    await config.loadText('key = 2')
    first.close()
    first.close()
    expect(config.stats()).toMatchObject({ holds: 1, liveGenerations: 2 })
    for (const reader of readers) if (reader !== second) reader.close()
    expect(kept.value(second.slot<number>('key')!)).toBe(1)
    kept.release()
    expect(config.stats()).toMatchObject({ holds: 0, liveGenerations: 1 })
    second.close()
  })

  it('what one Config leaves in the environment is its own (CF-34)', async () => {
    const attachOf = () =>
      new Reading(
        `const { parentPort } = require('node:worker_threads')
      const { ConfigReader } = require(${JSON.stringify(join(DIST, 'config'))})
      try { parentPort.postMessage({ value: ConfigReader.attach().generation }) }
      catch (error) { parentPort.postMessage({ value: error.code }) }`,
        undefined,
      )
    const first = await sharedConfig()
    using reader = ConfigReader.attach()
    const second = newConfig()
    second.share()
    using again = ConfigReader.attach(first.share())
    expect([reader.generation, again.generation]).toEqual([1, 1])
    expect(await attachOf().next()).toBe(0)
    first.close()
    expect(await attachOf().next()).toBe(0)
    second.close()
    expect(await attachOf().next()).toBe('ERR_INVALID_ARGUMENT')
  })

  it('nothing is read once the Config is closed, not even what was read before (CF-34)', async () => {
    const config = await sharedConfig()
    const reader = ConfigReader.attach(config.share())
    const slot = reader.slot<number>('key')!
    expect(reader.value(slot)).toBe(1)
    const value = reader.fetch(slot)
    const snapshot = reader.snapshot()
    const token = config.share()
    config.close()
    const closed = expect.objectContaining({ code: 'ERR_CLOSED' })
    expect(() => reader.value(slot)).toThrow(closed)
    expect(() => reader.generation).toThrow(closed)
    expect(() => reader.snapshot()).toThrow(closed)
    expect(() => reader.slot('key')).toThrow(closed)
    expect(() => snapshot.value(slot)).toThrow(closed)
    expect(() => ConfigReader.attach(token)).toThrow(closed)
    expect(value.value).toBe(1)
    snapshot.release()
    value.release()
    reader.close()
    // Shared again it is another one.
    using other = ConfigReader.attach(config.share())
    expect(other.value(other.slot<number>('key')!)).toBe(1)
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

  it('a worker from before the sharing attaches by the token (CF-34)', async () => {
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
    const full = (text: RegExp) =>
      expect.objectContaining({ code: 'ERR_CONFIG_FULL', message: expect.stringMatching(text) })
    const key = option(config, 'key')
    await config.loadText('key = 1')
    config.share()
    const large = Array.from({ length: 20_000 }, (_, i) => `stanza${i} { text = "${i}" }`).join('\n')
    await expect(config.loadText(`key = 2\n${large}`)).rejects.toThrow(
      full(
        /image has \d{6,} bytes, and of 262144 \(imageBytes\) the images of 1 live generations take \d{3,}$/,
      ),
    )
    expect(config.generation).toBe(1)
    expect(config.value(key)).toBe(1)
    await config.loadText('key = 3')
    using reader = ConfigReader.attach(config.share())
    expect(reader.value(reader.slot<number>('key')!)).toBe(3)
    expect(() => newConfig({ imageBytes: 64 }).share()).toThrow(full(/of 64 \(imageBytes\)/))
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
    await expect(config.loadText('key = 99')).rejects.toMatchObject({
      code: 'ERR_CONFIG_FULL',
      message: 'no room for another generation: 64 generations are alive',
    })
    for (const snapshot of held) snapshot.release()
    await config.loadText('key = 100')
    expect(config.liveGenerations()).toEqual([64])
  })
})
