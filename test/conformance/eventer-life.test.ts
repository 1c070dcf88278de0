import { describe, expect, it } from 'vitest'
import { Eventer, Mask } from '../../lib/eventer'
import { HeddleError } from '../../lib/errors'
import { every } from '../every'
import { Bench, backend, burn, codeOf, isNative, withEventer } from './eventer-harness'

describe('the life of an eventer', () => {
  it('EV-01 is initialised once, and warns of an option it does not know', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const options = { backend, colour: 'blue' }
    expect(codeOf(() => Eventer.current(backend))).toBe('ERR_NOT_INIT')
    const eventer = await Eventer.init(options)
    await expect(Eventer.init({ backend })).rejects.toMatchObject({ code: 'ERR_ALREADY_INIT' })
    expect(Eventer.current(backend)).toBe(eventer)
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(warnings.filter(({ message }) => message.includes('"colour"'))).toHaveLength(1)

    const timer = eventer.timerIn(1, () => 0)
    timer.free()
    await eventer[Symbol.asyncDispose]()
    await eventer[Symbol.asyncDispose]()
    expect(codeOf(() => eventer.addIn(1, () => 0))).toBe('ERR_NOT_INIT')
    await expect(eventer.sleep(1)).rejects.toMatchObject({ code: 'ERR_NOT_INIT' })
    await expect(eventer.run()).rejects.toMatchObject({ code: 'ERR_NOT_INIT' })
  })

  it('EV-01 refuses options out of range', async () => {
    await expect(Eventer.init({ backend, loops: 0 })).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(Eventer.init({ backend, maxSleepMs: -1 })).rejects.toMatchObject({ code: 'EINVAL' })
  })

  it('EV-02 names its multiplexer and refuses another', async () => {
    const { implementation } = backend.capabilities
    const other = implementation === 'kqueue' ? 'epoll' : 'kqueue'
    await expect(Eventer.init({ backend, implementation: other })).rejects.toMatchObject({ code: 'ENOTSUP' })
    await withEventer({ implementation }, ({ eventer }) => {
      expect(eventer.implementation).toBe(implementation)
      expect(Eventer.implementations()).toContain(implementation)
      expect(Eventer.implementations()).toContain('libuv')
    })
    if (isNative && process.platform === 'linux') expect(implementation).toBe('epoll')
  })

  it('EV-03 runs nothing before it is run, and says once that it has started', () =>
    withEventer({ loops: 2 }, async ({ eventer }) => {
      const seen: string[] = []
      eventer.on('started', () => seen.push('started'))
      eventer.addIn(0, () => void seen.push('timer'))
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(seen).toEqual([])
      expect(eventer.epoch).toBeUndefined()

      eventer.addIn(5, () => eventer.loopReturn())
      await eventer.run()
      expect(seen).toEqual(['started', 'timer'])
      eventer.addIn(0, () => eventer.loopReturn())
      await eventer.run()
      expect(seen).toEqual(['started', 'timer'])
    }))

  it('EV-03 run ends by stop and by its signal', () =>
    withEventer({}, async ({ eventer }) => {
      const running = eventer.run()
      expect(eventer.isRunning).toBe(true)
      await eventer.stop()
      await running
      expect(eventer.isRunning).toBe(false)

      const controller = new AbortController()
      setTimeout(() => controller.abort(), 10)
      await eventer.run({ signal: controller.signal })
      await eventer.run({ signal: AbortSignal.abort() })
      expect(eventer.isRunning).toBe(false)
    }))

  it('EV-03 add never runs a callback, not even of a due timer or a ready descriptor', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      const [a, b] = bench.pair()
      bench.write(b, 'x')
      eventer.start()
      eventer.nextOpportunity(() => void seen.push('timer'))
      const event = eventer.fdEvent(a, Mask.READ, () => void seen.push('fd'))
      eventer.add(event)
      expect(seen).toEqual([])
      await bench.until(() => seen.length === 2)
    }))

  it('EV-04 goes on after loopReturn with what is registered', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const reads: number[] = []
      const reader = eventer.fdEvent(a, Mask.READ, (e) => {
        reads.push(e.read(Buffer.alloc(10)).n ?? 0)
        return Mask.READ
      })
      eventer.add(reader)
      let ticks = 0
      const periodic = eventer.addIn(5, (e, _mask, _closure, now) => {
        ticks++
        eventer.updateWhence(e, now + 5)
        if (ticks === 3) eventer.loopReturn()
        return Mask.TIMER
      })
      await eventer.run()
      expect(ticks).toBe(3)

      bench.write(b, 'abc')
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect([ticks, reads]).toEqual([3, []])

      await bench.until(() => ticks >= 5 && reads.length > 0)
      expect(reads).toEqual([3])
      expect(eventer.remove(reader)).toBe(reader)
      expect(eventer.remove(periodic)).toBe(periodic)
      reader.free()
      periodic.free()
    }))

  it('EV-10 knows since when it runs', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const before = eventer.now()
      await bench.passes(1)
      const epoch = eventer.epoch as number
      expect(epoch).toBeGreaterThanOrEqual(before)
      expect(epoch).toBeLessThanOrEqual(eventer.now())
      eventer.loopReturn()
      await bench.passes(1)
      expect(eventer.epoch).toBe(epoch)
    }))

  it('EV-21 raises the descriptor limit, and refuses a silly one', async () => {
    await expect(Eventer.init({ backend, rlimNofiles: 100 })).rejects.toMatchObject({ code: 'EINVAL' })
    const lines: string[] = []
    await withEventer({ rlimNofiles: 256, log: (line) => lines.push(line) }, () => {
      const limit = backend.sys.descriptorLimit()
      if (isNative) expect(limit).toBeGreaterThanOrEqual(256)
    })
    expect(lines.filter((line) => line.includes('limit is') && isNative)).toEqual([])
  })

  it('EV-25 counts the cores it may use', () =>
    withEventer({}, ({ eventer }) => {
      const { cores, sockets } = eventer.cpu()
      expect(cores).toBeGreaterThanOrEqual(1)
      expect(sockets).toBeGreaterThanOrEqual(1)
    }))

  it('frees what is left when it is disposed of', async () => {
    const eventer = await Eventer.init({ backend })
    const bench = new Bench(eventer)
    const [a] = bench.pair()
    const events = [
      eventer.addIn(1000, () => 0),
      eventer.timerIn(1000, () => 0),
      eventer.fdEvent(a, Mask.READ, () => Mask.READ),
    ] as const
    eventer.add(events[2])
    await eventer[Symbol.asyncDispose]()
    expect(eventer.allocations().current).toBe(0)
    expect(events.map((event) => event.isFreed)).toEqual([true, true, true])
    bench.cleanUp()
  })
})

describe('a pass of a loop', () => {
  it('EV-05 has one order: timers, triggers, recurrent, wait, heartbeat, descriptors', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      const [a, b] = bench.pipe()
      bench.write(b, 'x')
      const fd = eventer.fdEvent(a, Mask.READ, () => void seen.push('fd'))
      eventer.add(fd)
      const recurrent = eventer.recurrent(() => void seen.push('recurrent'))
      eventer.add(recurrent)
      const target = eventer.addIn(60_000, () => void seen.push('trigger'))
      eventer.nextOpportunity(() => void seen.push('timer'))
      const { loopId, handle } = target.eventRef
      expect(backend.trigger(loopId, handle, Mask.TIMER)).toBe(0)

      await bench.until(() => seen.length === 4)
      expect(seen).toEqual(['timer', 'trigger', 'recurrent', 'fd'])
    }))

  it('EV-05 tells its phases to a tracer', () =>
    withEventer({}, async (bench) => {
      const phases: string[] = []
      const tracing = bench.eventer.trace((phase, loop) => phases.push(`${loop.name} ${phase}`))
      await bench.passes(3)
      tracing[Symbol.dispose]()
      const seen = phases.length
      const first = phases.indexOf('default/0 timers')
      expect(phases.slice(first, first + 6)).toEqual(
        ['timers', 'triggers', 'recurrent', 'wait', 'heartbeat', 'descriptors'].map(
          (phase) => `default/0 ${phase}`,
        ),
      )
      await bench.passes(3)
      expect(phases.length - seen).toBeLessThanOrEqual(6)
    }))

  it('EV-05 a timer added by a timer waits for the next pass, though it is due', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      const passes: number[] = []
      const loop = eventer.chooseOwner(0)
      const [a, b] = bench.pipe()
      bench.write(b, 'x')
      eventer.add(eventer.fdEvent(a, Mask.READ, () => void seen.push('fd')))
      eventer.nextOpportunity(() => {
        seen.push('A')
        passes.push(loop.passes)
        eventer.nextOpportunity(() => {
          seen.push('B')
          passes.push(loop.passes)
        })
      })
      await bench.until(() => seen.length === 3)
      expect(seen).toEqual(['A', 'fd', 'B'])
      expect(passes[1]).toBeGreaterThan(passes[0] as number)
    }))

  it('EV-08 A-EV-4 gives every callback the time of the pass, however slow the one before was', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const times: { now: number; precise: number }[] = []
      const record = (_e: unknown, _mask: number, _closure: unknown, now: number) => {
        times.push({ now, precise: eventer.now() })
        burn(60)
      }
      const whence = eventer.now()
      eventer.addAt(whence, record)
      eventer.addAt(whence, record)
      await bench.until(() => times.length === 2)
      const [first, second] = times as [(typeof times)[0], (typeof times)[0]]
      expect(second.now).toBe(first.now)
      expect(second.precise - first.precise).toBeGreaterThanOrEqual(60)
      expect(first.now).toBeGreaterThanOrEqual(whence)
    }))

  it('EV-06 comes at least every maxSleepMs, and beats', () =>
    withEventer({ maxSleepMs: 20 }, async (bench) => {
      const { eventer } = bench
      const loop = eventer.chooseOwner(0)
      let runs = 0
      const recurrent = eventer.recurrent(() => {
        runs++
        return Mask.RECURRENT
      })
      eventer.add(recurrent)
      eventer.start()
      await bench.until(() => runs > 0)
      const beat = loop.lastBeat
      const before = runs
      // A timer of Node with the same period says how often this machine lets anybody run.
      let ticks = 0
      {
        using _ = every(20, () => ticks++)
        await new Promise((resolve) => setTimeout(resolve, 400))
      }
      expect(runs - before).toBeGreaterThanOrEqual(Math.floor(ticks / 4))
      await bench.until(() => runs - before >= 5)
      expect(loop.lastBeat - beat).toBeGreaterThanOrEqual(50)
      recurrent[Symbol.dispose]()
    }))

  it('EV-06 sleeps no longer than 200 ms or a 20th of the watchdog time-out', async () => {
    await withEventer({}, ({ eventer }) => expect(eventer.chooseOwner(0).maxSleepMs).toBe(200))
    await withEventer({ watchdogTimeoutMs: 1000 }, ({ eventer }) => {
      expect(eventer.chooseOwner(0).maxSleepMs).toBe(50)
    })
  })

  it('EV-06 beats after a callback, on demand after every one', () =>
    withEventer({ beatPerCallback: true }, async (bench) => {
      const { eventer } = bench
      const loop = eventer.chooseOwner(0)
      const beats: number[] = []
      const counts: number[] = []
      const whence = eventer.now()
      for (let n = 0; n < 3; n++) {
        eventer.addAt(whence, () => {
          beats.push(loop.lastBeat)
          counts.push(loop.beats)
          burn(10)
        })
      }
      await bench.until(() => beats.length === 3)
      expect((beats[1] as number) - (beats[0] as number)).toBeGreaterThanOrEqual(5)
      expect((beats[2] as number) - (beats[1] as number)).toBeGreaterThanOrEqual(5)
      expect(counts).toEqual([0, 1, 2].map((n) => (counts[0] as number) + n))
    }))

  it('EV-07 is ended by wakeup without running a callback', () =>
    withEventer({ maxSleepMs: 60_000, watchdogTimeoutMs: 3_600_000 }, async (bench) => {
      const { eventer } = bench
      const loop = eventer.chooseOwner(0)
      await bench.passes(2)
      await new Promise((resolve) => setTimeout(resolve, 20))
      const { passes, beats } = loop
      for (let n = 0; n < 100; n++) loop.wakeup()
      await bench.until(() => loop.passes > passes)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(loop.passes - passes).toBeLessThanOrEqual(10)
      expect(loop.beats).toBe(beats)
    }))

  it('EV-07 TM-09 a timer added to another loop shortens its wait', () =>
    withEventer({ loops: 2, maxSleepMs: 60_000, watchdogTimeoutMs: 3_600_000 }, async (bench) => {
      const { eventer } = bench
      const [first, second] = [eventer.chooseOwner(0), eventer.chooseOwner(1)]
      let rounds = 0
      eventer.start()
      const added = eventer.timerIn(0, (e) => {
        const other = eventer.timerIn(1, () => {
          expect(eventer.currentLoop()).toBe(second)
          rounds++
        })
        second.add(other)
        e.whence = eventer.now() + 2
        return rounds < 20 ? Mask.TIMER : 0
      })
      first.add(added)
      await bench.until(() => rounds >= 20 && eventer.allocations().current === 0)
      expect(rounds).toBeGreaterThanOrEqual(20)
    }))
})

describe('errors', () => {
  it('have a code and keep system error numbers', () => {
    const error = new HeddleError('ERR_TOO_LATE')
    expect(error).toBeInstanceOf(Error)
    expect([error.code, error.name, error.errno]).toEqual(['ERR_TOO_LATE', 'HeddleError', undefined])
    expect(error.message).toContain('before the loops start')
  })
})
