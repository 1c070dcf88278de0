import { describe, expect, it } from 'vitest'
import { codeOf, freshName, inWorker, openMap, TestWorker, until } from './shared-harness'

/** Starts four threads on one body, lets them go together, and gives what each returns. */
async function four(body: string, name: string, extra: object = {}): Promise<unknown[]> {
  const crew = [0, 1, 2, 3].map((me) => {
    return new TestWorker(
      `const map = await heddle.SharedMap.open(data.name, data.options)
       let x = data.me * 104729 + 12345
       const random = (n) => { x ^= x << 13; x ^= x >>> 17; x ^= x << 5; return (x >>> 0) % n }
       say('ready')
       while (map.get('go') !== true);
       const work = () => { ${body} }
       const result = await work()
       map.close()
       return result`,
      { name, me, options: {}, ...extra },
    )
  })
  await Promise.all(crew.map((worker) => worker.next()))
  const map = await openMap({}, name)
  map.set('go', true)
  const results = await Promise.all(crew.map((worker) => worker.next()))
  map.close()
  return results
}

describe('a shared map in several threads', () => {
  it('SM-09 is the same for all, and lives as long as one holds it', async () => {
    const map = await openMap<unknown>()
    map.set('from main', { deep: [1, 'a'] })
    const seen = await inWorker(
      `const map = await heddle.SharedMap.open(data)
       map.set('from worker', new Uint8Array([1, 2, 3]))
       return [map.get('from main'), map.size]`,
      map.name,
    )
    expect(seen).toEqual([{ deep: [1, 'a'] }, 2])
    expect(map.get('from worker')).toStrictEqual(new Uint8Array([1, 2, 3]))

    const holder = new TestWorker(
      `const map = await heddle.SharedMap.open(data)
       say('open')
       await new Promise((resolve) => require('node:worker_threads').parentPort.once('message', resolve))`,
      map.name,
    )
    await holder.next()
    map.close()
    const again = await openMap<unknown>({}, map.name)
    expect(again.size).toBe(2)
  })

  it('SM-09 is opened by several at once', async () => {
    const name = freshName()
    const crew = [1, 2, 3, 4].map(
      () =>
        new TestWorker(
          `const [map, other] = await Promise.all([heddle.SharedMap.open(data), heddle.SharedMap.open(data)])
           map.increment('opened')
           other.increment('opened')
           say('opened')
           await new Promise((resolve) => require('node:worker_threads').parentPort.once('message', resolve))`,
          name,
        ),
    )
    const map = await openMap<number>({}, name)
    await Promise.all(crew.map((worker) => worker.next()))
    expect(map.get('opened')).toBe(8)
  })

  it('SM-09 is dropped with the last hold, whether closed, ended or terminated', async () => {
    const name = freshName()
    const isGone = async (): Promise<boolean> => {
      const map = await openMap({}, name)
      const { size } = map
      map.close()
      return size === 0
    }
    const open = `const map = await heddle.SharedMap.open(data); map.set('key', 1)`
    await inWorker(`${open}; map.close()`, name)
    await until(isGone)
    await inWorker(open, name)
    await until(isGone)
    const worker = new TestWorker(`${open}; say('set'); for (;;);`, name)
    await worker.next()
    await worker.terminate()
    await until(isGone)
  })

  it('SM-09 is dropped with the worker of a worker', async () => {
    const name = freshName()
    const outer = new TestWorker(
      `await heddle.SharedMap.open(data.name + ' of outer')
       const { Worker } = require('node:worker_threads')
       const code = 'const heddle = require(' + JSON.stringify(heddlePath) + ');' +
         'heddle.SharedMap.open(' + JSON.stringify(data.name) + ').then((map) => {' +
         'map.set("key", 1); require("node:worker_threads").parentPort.postMessage("set"); for (;;); })'
       const inner = new Worker(code, { eval: true })
       inner.once('message', say)
       await new Promise(() => setInterval(() => {}, 1000))`,
      { name },
    )
    expect(await outer.next()).toBe('set')
    await outer.terminate()
    await until(async () => {
      const map = await openMap({}, name)
      const { size } = map
      map.close()
      return size === 0
    })
  })

  it('SM-09 tells a worker of other options', async () => {
    const map = await openMap({ maxBytes: 50_000 })
    const code = await inWorker(
      `return heddle.SharedMap.open(data).then(() => 'opened', (error) => error.code)`,
      map.name,
    )
    expect(code).toBe('EINVAL')
    expect(await codeOf(() => map.set('key', 1))).toBe(undefined)
  })

  it('SM-09 adds up what four threads add, exactly, in half a million increments', async () => {
    const map = await openMap<number>()
    const sums = await four(
      `let last = -1, back = 0
       for (let i = 0; i < 125000; i++) {
         const sum = map.increment('sum ' + (i & 3))
         if ((i & 3) === 0) { if (sum <= last) back++; last = sum }
       }
       return back`,
      map.name,
    )
    expect(sums).toEqual([0, 0, 0, 0])
    for (let i = 0; i < 4; i++) expect(map.get(`sum ${i}`)).toBe(125_000)
  })

  it('SM-09 has one winner for each compare-and-set', async () => {
    const map = await openMap<unknown>()
    for (let i = 0; i < 5; i++) map.set(`text ${i}`, '0').set(`clone ${i}`, { n: 0 })
    const wins = (await four(
      `let wins = 0
       for (let i = 0; i < 20000; i++) {
         const key = 'text ' + (i % 5)
         const now = map.get(key)
         if (map.compareAndSet(key, now, String(Number(now) + 1))) wins++
         const clone = 'clone ' + (i % 5)
         const { n } = map.get(clone)
         if (map.compareAndSet(clone, { n }, { n: n + 1 })) wins++
       }
       return wins`,
      map.name,
    )) as number[]
    let sum = 0
    for (let i = 0; i < 5; i++)
      sum += Number(map.get(`text ${i}`)) + (map.get(`clone ${i}`) as { n: number }).n
    expect(wins.reduce((a, b) => a + b)).toBe(sum)
    expect(sum).toBeGreaterThan(0)
  })

  it('SM-09 has one winner for each insertion and each deletion', async () => {
    const map = await openMap<number>()
    const counts = (await four(
      `const { ABSENT } = heddle.SharedMap
       let made = 0, gone = 0
       for (let i = 0; i < 60000; i++) {
         const key = 'key ' + random(50)
         if (random(2) === 0) { if (map.compareAndSet(key, ABSENT, data.me)) made++ }
         else if (map.delete(key)) gone++
       }
       return [made, gone]`,
      map.name,
    )) as [number, number][]
    const made = counts.reduce((sum, [n]) => sum + n, 0)
    const gone = counts.reduce((sum, [, n]) => sum + n, 0)
    map.delete('go')
    expect(made - gone).toBe(map.size)
    expect([...map]).toHaveLength(map.size)
  })

  it('SM-09 never goes back for anybody: the versions of a key rise, and no value is torn', async () => {
    const map = await openMap<unknown>()
    const results = await four(
      `const KEYS = 40
       const seen = new Int32Array(KEYS)
       const own = new Int32Array(KEYS)
       const wrong = []
       const body = (version, length) => String.fromCharCode(97 + version % 26).repeat(length)
       const check = (value, key) => {
         const at = value.indexOf(':')
         const version = Number(value.slice(0, at))
         const text = value.slice(at + 1)
         if (text !== body(version, text.length)) wrong.push('torn ' + key)
         if (version < seen[key]) wrong.push('back from ' + seen[key] + ' to ' + version)
         seen[key] = version
       }
       for (let i = 0; i < 100000; i++) {
         const key = random(KEYS)
         const value = map.get('key ' + key)
         if (value !== undefined) check(value, key)
         if (key % 4 === data.me && i % 3 === 0) {
           own[key]++
           map.set('key ' + key, own[key] + ':' + body(own[key], random(100) === 0 ? random(100000) : random(300)))
           seen[key] = own[key]
         }
       }
       return wrong.slice(0, 5)`,
      map.name,
    )
    expect(results).toEqual([[], [], [], []])
  })

  it('SM-09 gives bytes of all sizes whole, with a budget and a time to live', async () => {
    const options = { maxBytes: 3_000_000, ttl: 50 }
    const map = await openMap<unknown>(options)
    const results = (await Promise.all(
      [0, 1, 2, 3].map((me) =>
        inWorker(
          `const map = await heddle.SharedMap.open(data.name, data.options)
           let x = data.me * 104729 + 12345
           const random = (n) => { x ^= x << 13; x ^= x >>> 17; x ^= x << 5; return (x >>> 0) % n }
           let read = 0, torn = 0
           for (let i = 0; i < 8000; i++) {
             const key = new Uint8Array([random(60)])
             if (random(3) === 0) {
               const length = 1 + random([10, 300, 5000, 100000][random(4)])
               map.set(key, new Uint8Array(length).fill(length))
             }
             const found = map.get(key)
             if (found === undefined) continue
             read++
             const byte = found.length & 255
             for (let at = 0; at < found.length; at++) if (found[at] !== byte) { torn++; break }
           }
           map.close()
           return [read > 0, torn]`,
          { name: map.name, me, options },
        ),
      ),
    )) as unknown[]
    expect(results).toEqual([0, 1, 2, 3].map(() => [true, 0]))
    expect(map.stats().bytes).toBeLessThanOrEqual(options.maxBytes)
  })

  it('SM-09 may be closed by some while others use it', async () => {
    const map = await openMap<number>()
    const rounds = await four(
      `return (async () => {
         let opened = 0
         for (let i = 0; i < 100; i++) {
           const hold = await heddle.SharedMap.open(data.name)
           for (let j = 0; j < 50; j++) hold.increment('uses')
           hold.close()
           opened++
         }
         return opened
       })()`,
      map.name,
    )
    expect(rounds).toEqual([100, 100, 100, 100])
    expect(map.get('uses')).toBe(20_000)
  })
})
