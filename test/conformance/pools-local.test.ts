import { describe, expect, it } from 'vitest'
import {
  Eventer,
  type Loop,
  Mask,
  type Pool,
  parsePoolSpec,
  poolsFromConfig,
  RemoteLoop,
} from '../../lib/eventer'
import { backend, burn, codeOf, withEventer } from './eventer-harness'

const { dedicatedLoops = false } = backend.capabilities

/** The kinds whose callbacks run in this isolate, as far as the backend has them. */
const KINDS = dedicatedLoops ? (['embedded', 'native'] as const) : (['embedded'] as const)

const poolOf = (eventer: Eventer, name: string): Pool => eventer.pool(name) as Pool
const loopsOf = (pool: Pool): Loop[] => pool.threads as Loop[]

describe('the configuration of pools', () => {
  it('PO-02 A-PO-1 is concurrency and time-out', () => {
    expect(parsePoolSpec('3,2s')).toEqual({ concurrency: 3, watchdogTimeout: 2000 })
    expect(parsePoolSpec('0')).toEqual({})
    expect(parsePoolSpec('')).toEqual({})
    expect(parsePoolSpec('4')).toEqual({ concurrency: 4 })
    expect(parsePoolSpec(',250ms')).toEqual({ watchdogTimeout: 250 })
    expect(parsePoolSpec(' 2 , 1.5 ')).toEqual({ concurrency: 2, watchdogTimeout: 1500 })
    expect(parsePoolSpec('1,2m')).toEqual({ concurrency: 1, watchdogTimeout: 120_000 })
    expect(parsePoolSpec('1,0')).toEqual({ concurrency: 1 })
    expect(parsePoolSpec('2,')).toEqual({ concurrency: 2 })
  })

  it.each(['-1', 'many', '1.5', '3,2x', '3,-1', '3;2', '3,2s,1', 7 as unknown as string])(
    'PO-02 refuses %j',
    (text) => {
      expect(codeOf(() => parsePoolSpec(text))).toBe('EINVAL')
    },
  )

  it('PO-02 A-PO-1 names pools and sets the default one', () => {
    const config = { concurrency: '4', loop_db: '3,2s', loop_x: '0', jobq_z: '9' }
    expect(poolsFromConfig(config)).toEqual({
      loops: 4,
      pools: { db: { concurrency: 3, watchdogTimeout: 2000 }, x: {} },
    })
    expect(poolsFromConfig({ concurrency: 0, loop_default: '2,3s', loop_io: 1 }, { kind: 'native' })).toEqual(
      {
        loops: 2,
        watchdogTimeoutMs: 3000,
        pools: { io: { kind: 'native', concurrency: 1 } },
      },
    )
    expect(poolsFromConfig({})).toEqual({ pools: {} })
    expect(codeOf(() => poolsFromConfig({ loop_db: 'three' }))).toBe('EINVAL')
    expect(codeOf(() => poolsFromConfig({ loop_db: {} }))).toBe('EINVAL')
    expect(codeOf(() => poolsFromConfig({ concurrency: '3,2s' }))).toBe('EINVAL')
  })

  it('PO-01 PO-02 PO-05 A-PO-1 makes the pools, and none after that', () =>
    withEventer(poolsFromConfig({ loop_db: '3,2s', loop_x: '0', concurrency: '2' }), ({ eventer }) => {
      const db = poolOf(eventer, 'db')
      expect(db).toMatchObject({ name: 'db', kind: 'embedded', concurrency: 3, watchdogTimeout: 2000 })
      expect(db.threads.map(({ name, index, pool }) => [name, index, pool])).toEqual([
        ['db/0', 0, 'db'],
        ['db/1', 1, 'db'],
        ['db/2', 2, 'db'],
      ])
      expect(poolOf(eventer, 'x')).toMatchObject({ concurrency: 1, watchdogTimeout: 5000 })
      expect(poolOf(eventer, 'default')).toMatchObject({ concurrency: 2, watchdogTimeout: 5000 })
      expect(eventer.pool('default')?.threads).toEqual(eventer.loops)
      expect(eventer.pool('nope')).toBeUndefined()
      expect(eventer.pools.map(({ name }) => name)).toEqual(['default', 'db', 'x'])
      expect(codeOf(() => eventer.createPool('late', { concurrency: 1 }))).toBe('ERR_TOO_LATE')
      expect(eventer.pool('late')).toBeUndefined()
    }))

  it('PO-07 A-TP-9 cannot change the concurrency of loops at run time', () =>
    withEventer({ pools: { db: { concurrency: 2 } } }, ({ eventer }) => {
      expect(codeOf(() => poolOf(eventer, 'db').setConcurrency(3))).toBe('ERR_NOT_TUNABLE')
      expect(codeOf(() => poolOf(eventer, 'default').setConcurrency(1))).toBe('ERR_NOT_TUNABLE')
      expect(poolOf(eventer, 'db').concurrency).toBe(2)
    }))

  it.each([
    ['a concurrency of 0', { db: { concurrency: 0 } }],
    ['a concurrency of 65', { db: { concurrency: 65 } }],
    ['half a loop', { db: { concurrency: 1.5 } }],
    ['a negative time-out', { db: { watchdogTimeout: -1 } }],
    ['an unknown kind', { db: { kind: 'fibre' } }],
    ['an unknown policy', { db: { kind: 'worker', onWorkerDeath: 'weep' } }],
    ['a module without workers', { db: { module: 'file:///x.mjs' } }],
    ['the default pool', { default: { concurrency: 2 } }],
    ['no name', { '': {} }],
    ['a name with a slash', { 'a/b': {} }],
    ['no options', { db: 3 }],
    ['no object', 3],
  ])('PO-01 refuses %s', async (_, pools) => {
    const options = { backend, pools } as unknown as Parameters<typeof Eventer.init>[0]
    await expect(Eventer.init(options)).rejects.toMatchObject({ code: 'EINVAL' })
    expect(Eventer.find(backend)).toBeUndefined()
  })

  it('PO-01 workers take time to start, so not by initSync', () => {
    expect(codeOf(() => Eventer.initSync({ backend, pools: { web: { kind: 'worker' } } }))).toBe('EINVAL')
    expect(codeOf(() => Eventer.initSync({ backend, kind: 'worker' as 'native' }))).toBe('EINVAL')
  })

  it.runIf(!dedicatedLoops)('PO-01 native pools need the native backend', async () => {
    const required = { code: 'ERR_NATIVE_REQUIRED' }
    await expect(Eventer.init({ backend, pools: { io: { kind: 'native' } } })).rejects.toMatchObject(required)
    await expect(Eventer.init({ backend, kind: 'native' })).rejects.toMatchObject(required)
    expect(Eventer.find(backend)).toBeUndefined()
  })
})

describe('the choice of an owner', () => {
  it('PO-03 A-PO-2 keeps the first loop of the default pool for 0 and spreads the rest', () =>
    withEventer({ loops: 4 }, ({ eventer }) => {
      const counts = [0, 0, 0, 0]
      for (let n = 1; n <= 1000; n++) {
        const loop = eventer.chooseOwner(n)
        expect(eventer.chooseOwner(n)).toBe(loop)
        counts[loop.index] = (counts[loop.index] as number) + 1
      }
      const [first, ...rest] = counts
      expect(first).toBe(0)
      expect(Math.max(...rest) - Math.min(...rest)).toBeLessThanOrEqual(1)
      expect(eventer.chooseOwner(0)).toBe(eventer.loops[0])
      expect(eventer.chooseOwner(-7).index).toBeGreaterThan(0)
      expect(codeOf(() => eventer.chooseOwner(1.5))).toBe('EINVAL')
      expect(codeOf(() => eventer.chooseOwner(Number.NaN))).toBe('EINVAL')
    }))

  it('PO-03 A-PO-2 spreads over all loops of a named pool, and takes the only one', () =>
    withEventer({ pools: { db: { concurrency: 3 }, one: {} } }, ({ eventer }) => {
      const counts = [0, 0, 0]
      for (let n = 0; n < 900; n++) {
        const { index, pool } = eventer.chooseOwner(n, eventer.pool('db'))
        expect(pool).toBe('db')
        counts[index] = (counts[index] as number) + 1
      }
      expect(counts).toEqual([300, 300, 300])
      for (let n = 0; n < 10; n++) {
        expect(eventer.chooseOwner(n)).toBe(eventer.loops[0])
        expect(eventer.chooseOwner(n, eventer.pool('one')).name).toBe('one/0')
      }
    }))
})

describe.each(KINDS)('loops of a pool that is %s', (kind) => {
  const pools = { db: { kind, concurrency: 2 } }

  it('PO-04 A-PO-3 own what is made on them; elsewhere it is the first default loop', () =>
    withEventer({ pools }, async (bench) => {
      const { eventer } = bench
      const seen: unknown[] = []
      const [, db1] = loopsOf(poolOf(eventer, 'db'))
      const outer = eventer.timerIn(0, () => {
        const inner = eventer.addIn(0, () => void seen.push(eventer.currentLoop()?.name))
        seen.push(inner.owner.name, eventer.poolOf(inner).name)
      })
      expect(outer.owner).toBe(eventer.loops[0])
      expect(eventer.poolOf(outer)).toBe(eventer.pool('default'))
      db1?.add(outer)
      await bench.until(() => seen.length === 3)
      expect(seen).toEqual(['db/1', 'db', 'db/1'])
    }))

  it('EV-11 PO-05 know their pool and their index in it', () =>
    withEventer({ loops: 2, pools }, async (bench) => {
      const { eventer } = bench
      const seen: unknown[] = []
      const look = () => {
        seen.push([
          eventer.currentLoop()?.name,
          eventer.loopIndex(),
          eventer.inLoop(),
          eventer.inLoop('db'),
          eventer.inLoop(poolOf(eventer, 'default')),
        ])
      }
      const loops = [...eventer.loops, ...loopsOf(poolOf(eventer, 'db'))]
      for (const loop of loops) {
        loop.add(eventer.timerIn(0, look))
        await bench.until(() => seen.length === loops.indexOf(loop) + 1)
      }
      expect(seen).toEqual([
        ['default/0', 0, true, false, true],
        ['default/1', 1, true, false, true],
        ['db/0', 0, true, true, false],
        ['db/1', 1, true, true, false],
      ])
      expect(loops.map(({ loopId }) => eventer.loopIndex(loopId))).toEqual([0, 1, 0, 1])
      expect(eventer.inLoop('db')).toBe(false)
    }))

  it('TM-06 keep their timeouts apart from those of other pools', () =>
    withEventer({ pools }, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      const ids: number[] = []
      const all = [eventer.loops[0], ...loopsOf(poolOf(eventer, 'db'))] as Loop[]
      for (const loop of all) {
        loop.add(
          eventer.timerIn(0, () => {
            ids.push(eventer.setTimeout(() => seen.push('cleared'), 60_000))
            eventer.setTimeout(() => seen.push(loop.name), 1)
          }),
        )
      }
      await bench.until(() => seen.length === 3)
      expect(new Set(ids).size).toBe(3)
      expect(ids.map((id) => eventer.clearTimeout(id))).toEqual([true, true, true])
      expect([...eventer.timeouts()]).toEqual([])
      expect(seen.sort()).toEqual(['db/0', 'db/1', 'default/0'])
    }))

  it('EV-03 A-EV-6 start once, before any callback, however many pools there are', () =>
    withEventer({ pools: { ...pools, web: { kind, concurrency: 1 } } }, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      eventer.on('started', () => seen.push('started'))
      for (const pool of eventer.pools)
        for (const loop of loopsOf(pool)) loop.add(eventer.timerIn(0, () => void seen.push(pool.name)))
      await bench.until(() => seen.length === 5)
      eventer.loopReturn()
      eventer.start()
      await bench.passes(2)
      expect(seen[0]).toBe('started')
      expect(seen.slice(1).sort()).toEqual(['db', 'db', 'default', 'web'])
    }))

  it('EV-06 A-EV-8 wake twenty times in the time-out of their pool, and at least five times a second', () =>
    withEventer({ pools: { calm: { kind }, keen: { kind, watchdogTimeout: 1000 } } }, async (bench) => {
      const { eventer } = bench
      const [calm] = loopsOf(poolOf(eventer, 'calm')) as [Loop]
      const [keen] = loopsOf(poolOf(eventer, 'keen')) as [Loop]
      expect(calm.maxSleepMs).toBe(200)
      expect(keen.maxSleepMs).toBe(50)
      const counts = { calm: 0, keen: 0 }
      const counted = (name: 'calm' | 'keen') =>
        eventer.recurrent(() => {
          counts[name]++
          return Mask.RECURRENT
        })
      const events = [counted('calm'), counted('keen')] as const
      calm.add(events[0])
      keen.add(events[1])
      const start = performance.now()
      eventer.start()
      await bench.until(() => counts.calm >= 9 && counts.keen >= 35)
      // Two seconds, on a machine that is four times as slow.
      expect(performance.now() - start).toBeLessThan(8000)
      for (const event of events) event[Symbol.dispose]()
    }))

  it('PO-08 count what they do, and how long it holds the isolate up', () =>
    withEventer({ pools }, async (bench) => {
      const { eventer } = bench
      const db = poolOf(eventer, 'db')
      const [db0, db1] = loopsOf(db) as [Loop, Loop]
      expect(db.stats()).toMatchObject({
        callbacks: 0,
        latency: { count: 0, maxMs: 0, meanMs: 0, buckets: [] },
      })
      let done = 0
      for (let n = 0; n < 3; n++) db0.add(eventer.timerIn(0, () => void done++))
      await bench.until(() => done === 3)
      db1.add(
        eventer.timerIn(0, () => {
          burn(20)
          done++
        }),
      )
      await bench.until(() => done === 4)
      const stats = db.stats()
      expect(stats.callbacks).toBe(4)
      expect(stats.loops.map(({ name, callbacks }) => [name, callbacks])).toEqual([
        ['db/0', 3],
        ['db/1', 1],
      ])
      expect(stats.latency.maxMs).toBeGreaterThanOrEqual(20)
      expect(stats.latency.count).toBe(stats.latency.buckets.reduce((sum, { count }) => sum + count, 0))
      const slowest = stats.latency.buckets.at(-1)
      expect(slowest?.belowMs).toBeGreaterThan(20)
      expect(stats.loops[1]?.latency).toMatchObject({ count: 1, maxMs: stats.latency.maxMs })
      expect(stats.passes).toBeGreaterThanOrEqual(2)
      expect(stats.waits).toBeGreaterThanOrEqual(1)
      const { passes } = stats
      await bench.until(() => {
        db0.wakeup()
        return db.stats().passes > passes
      })
    }))

  it('PO-08 tell how long their thread has slept, also while it sleeps', () => {
    const calm = { db: { kind, concurrency: 2, watchdogTimeout: 3_600_000 } }
    return withEventer({ pools: calm, maxSleepMs: 60_000 }, async ({ eventer }) => {
      eventer.start()
      const db = poolOf(eventer, 'db')
      const sleptMs = () => db.stats().loops.map(({ waitMs }) => waitMs as number)
      const counted = db.stats().loops.map(({ waits }) => waits)
      const start = performance.now()
      const before = sleptMs()
      await new Promise((resolve) => setTimeout(resolve, 400))
      const after = sleptMs()
      const elapsed = performance.now() - start
      for (const [n, ms] of after.entries()) {
        const slept = ms - (before[n] as number)
        expect(slept).toBeGreaterThanOrEqual(100)
        expect(slept).toBeLessThanOrEqual(elapsed)
      }
      // A look at the multiplexer is no sleep.
      if (kind !== 'native') return
      for (const [n, { waits }] of db.stats().loops.entries()) {
        expect(waits - (counted[n] as number)).toBeLessThanOrEqual(5)
        expect(waits).toBeGreaterThanOrEqual(1)
      }
    })
  })

  it('FD-14 A-FD-10 PO-06 take over a descriptor under a flood of input, never entered twice', () =>
    withEventer({ pools }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const [db0] = loopsOf(poolOf(eventer, 'db')) as [Loop]
      const places: (string | undefined)[] = []
      let inside = 0
      let overlaps = 0
      const byte = Buffer.alloc(1)
      const event = eventer.fdEvent(a, Mask.READ, (e) => {
        if (++inside > 1) overlaps++
        e.read(byte)
        places.push(eventer.currentLoop()?.name)
        if (places.length === 10) e.owner = db0
        inside--
        return places.length < 2000 ? Mask.READ : 0
      })
      eventer.add(event)
      bench.write(b, 'x'.repeat(2000))
      await bench.until(() => event.isFreed)
      expect(overlaps).toBe(0)
      expect(places.slice(0, 10)).toEqual(new Array(10).fill('default/0'))
      expect(places.slice(10)).toEqual(new Array(1990).fill('db/0'))
    }))

  it('PO-06 A-PO-4 are changed 10,000 times by a descriptor event, with nothing lost or doubled', () =>
    withEventer({ pools }, async (bench) => {
      const { eventer } = bench
      const rounds = 10_000
      const [a, b] = bench.pair()
      const owners = [eventer.loops[0], loopsOf(poolOf(eventer, 'db'))[1]] as [Loop, Loop]
      let runs = 0
      let inside = 0
      let wrong = 0
      const byte = Buffer.alloc(1)
      const event = eventer.fdEvent(a, Mask.READ, (e) => {
        if (inside++ > 0 || eventer.currentLoop() !== owners[runs % 2]) wrong++
        if (e.read(byte).n !== 1) wrong++
        runs++
        e.owner = owners[runs % 2] as Loop
        inside--
        return runs < rounds ? Mask.READ : 0
      })
      eventer.add(event)
      bench.write(b, 'x'.repeat(rounds))
      await bench.until(() => event.isFreed)
      await bench.passes(2)
      expect({ runs, wrong }).toEqual({ runs: rounds, wrong: 0 })
      expect(bench.drain(a)).toBe('')
    }))

  it('PO-06 FD-14 are not left for a loop of another isolate', () =>
    withEventer({ pools }, ({ eventer }) => {
      const far = new RemoteLoop(backend, 'web', 0)
      using event = eventer.timerIn(0, () => 0)
      expect(
        codeOf(() => {
          event.owner = far
        }),
      ).toBe('ERR_WRONG_THREAD')
      expect(codeOf(() => far.wakeup())).toBe('ENOENT')
      expect(codeOf(() => far.add({ kind: 'recurrent', callback: 'x' }))).toBe('ENOENT')
    }))
})
