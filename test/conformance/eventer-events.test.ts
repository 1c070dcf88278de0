import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { CallbackError, type Event, Mask, type TimedEvent } from '../../lib/eventer'
import { burn, codeOf, withEventer } from './eventer-harness'

const never = () => {
  throw new Error('this callback must not run')
}

describe('event objects', () => {
  it('EK-01 have masks of one kind', () =>
    withEventer({}, ({ eventer, ...rest }) => {
      expect(Mask).toMatchObject({ READ: 1, WRITE: 2, EXCEPTION: 4, TIMER: 8, RECURRENT: 0x80 })
      expect(Mask.ASYNCH_WORK | Mask.ASYNCH_CLEANUP).toBe(Mask.ASYNCH_COMPLETE)
      void rest
      const mixed = [Mask.READ | Mask.TIMER, Mask.WRITE | Mask.ASYNCH_WORK, Mask.TIMER | Mask.RECURRENT]
      for (const mask of mixed) {
        const event = eventer.fdEvent(0, mask, never)
        expect(codeOf(() => eventer.add(event))).toBe('EINVAL')
        expect(event.isScheduled).toBe(false)
        event.free()
      }
    }))

  it('EK-03 are counted: one reference at first, remove hands it back', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const event = eventer.fdEvent(a, Mask.READ, never)
      expect(event.references).toBe(1)
      expect(event.ref()).toBe(event)
      expect(event.references).toBe(2)
      eventer.add(event)
      expect(eventer.remove(event)).toBe(event)
      event.unref()
      event.unref()
      expect([event.isFreed, event.references]).toEqual([true, 0])
      expect(codeOf(() => event.unref())).toBe('ERR_EVENT_FREED')
      expect(codeOf(() => event.ref())).toBe('ERR_EVENT_FREED')
    }))

  it('EK-03 live past their last callback while someone refers to them', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      let runs = 0
      const timer = eventer.addIn(0, () => void runs++).ref()
      await bench.until(() => runs === 1)
      expect([timer.isFreed, timer.references, timer.isScheduled]).toEqual([false, 1, false])
      eventer.add(timer)
      await bench.until(() => runs === 2 && timer.isFreed)
    }))

  it('EK-04 are freed explicitly only when the eventer does not hold them', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const timer = eventer.addIn(60_000, never)
      expect(codeOf(() => timer.free())).toBe('ERR_EVENT_SCHEDULED')
      expect(codeOf(() => timer.unref())).toBe('ERR_EVENT_SCHEDULED')
      expect(timer.isScheduled).toBe(true)
      eventer.remove(timer)
      timer.free()
      expect(codeOf(() => timer.free())).toBe('ERR_EVENT_FREED')
      expect(codeOf(() => timer.closure)).toBe('ERR_EVENT_FREED')
      expect(codeOf(() => eventer.add(timer))).toBe('ERR_EVENT_FREED')
      timer[Symbol.dispose]()

      const disposed = eventer.addIn(60_000, never)
      disposed[Symbol.dispose]()
      disposed[Symbol.dispose]()
      expect(disposed.isFreed).toBe(true)
    }))

  it('EK-04 EV-12 cannot be freed by their own callback, during which they are the current event', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const codes: unknown[] = []
      let current: Event | undefined
      expect(eventer.currentEvent()).toBeUndefined()
      const timer = eventer.addIn(0, (event) => {
        current = eventer.currentEvent()
        codes.push(
          codeOf(() => event.free()),
          codeOf(() => event.unref()),
        )
        codes.push(codeOf(() => event[Symbol.dispose]()))
        return 0
      })
      await bench.until(() => codes.length === 3)
      expect(codes).toEqual(['ERR_EVENT_ACTIVE', 'ERR_EVENT_ACTIVE', 'ERR_EVENT_ACTIVE'])
      expect(current).toBe(timer)
      expect(eventer.currentEvent()).toBeUndefined()
      expect(timer.isFreed).toBe(true)
    }))

  it('EK-05 are copied unscheduled, with one reference and the same fields', () =>
    withEventer({ loops: 2 }, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const closure = { some: 'data' }
      const original = eventer.fdEvent(a, Mask.READ | Mask.EXCEPTION, () => Mask.READ, closure)
      original.owner = eventer.chooseOwner(1)
      original.opset = { ...original.opset, name: 'mine' }
      original.opsetContext = 'context'
      original.whence = 12345
      eventer.add(original)
      const copy = original.copy()
      expect(copy).not.toBe(original)
      expect(copy.references).toBe(1)
      expect(copy.isScheduled).toBe(false)
      for (const field of [
        'fd',
        'mask',
        'callback',
        'closure',
        'owner',
        'opset',
        'opsetContext',
        'whence',
      ] as const) {
        expect(copy[field]).toBe(original[field])
      }
      original[Symbol.dispose]()
      expect([original.isFreed, copy.isFreed]).toEqual([true, false])
      expect(copy.closure).toBe(closure)
      copy.free()

      const timer = eventer.addIn(60_000, never, closure)
      const twin = timer.copy()
      expect([twin.whence, twin.closure, twin.isScheduled]).toEqual([timer.whence, closure, false])
      twin.free()
      timer[Symbol.dispose]()
    }))

  it('EK-06 have fields that are fixed while scheduled, but for closure, callback, owner and whence', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const event = eventer.fdEvent(b, Mask.WRITE, never, 'first')
      const opset = event.opset
      event.fd = a
      event.mask = Mask.READ
      expect([event.fd, event.mask]).toEqual([a, Mask.READ])
      eventer.add(event)
      const scheduled = 'ERR_EVENT_SCHEDULED'
      expect(codeOf(() => (event.fd = b))).toBe(scheduled)
      expect(codeOf(() => (event.mask = Mask.WRITE))).toBe(scheduled)
      expect(codeOf(() => (event.opset = opset))).toBe(scheduled)
      let seen: unknown
      event.closure = 'second'
      event.callback = (_e: unknown, _mask: number, closure: unknown) => {
        seen = closure
      }
      event.owner = eventer.chooseOwner(1)
      bench.write(b, 'x')
      await bench.until(() => seen !== undefined)
      expect(seen).toBe('second')
    }))

  it('EK-07 are found, updated and removed', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const masks: number[] = []
      const event = eventer.fdEvent(a, Mask.READ, (_e, mask) => {
        masks.push(mask)
        return 0
      })
      for (const fd of [a, -1, 999_999, 1.5]) {
        expect(eventer.findFd(fd)).toBeUndefined()
        expect(eventer.removeFd(fd)).toBeUndefined()
      }
      expect(eventer.remove(event)).toBeUndefined()
      eventer.add(event)
      expect(eventer.findFd(a)).toBe(event)
      expect(eventer.removeFd(a)).toBe(event)
      expect(eventer.removeFd(a)).toBeUndefined()
      eventer.add(event)
      expect(codeOf(() => eventer.update(event, Mask.TIMER))).toBe('EINVAL')
      eventer.update(event, Mask.WRITE)
      expect(event.mask).toBe(Mask.WRITE)
      bench.write(b, 'x')
      await bench.until(() => masks.length === 1)
      expect(masks).toEqual([Mask.WRITE])
    }))

  it('EK-07 are scheduled once', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const timer = eventer.addIn(60_000, never)
      expect(codeOf(() => eventer.add(timer))).toBe('ERR_EVENT_SCHEDULED')
      timer[Symbol.dispose]()
    }))

  it('EK-08 triggered while idle run at once, with exactly the mask given', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const masks: number[] = []
      let depth = 0
      const event = eventer.fdEvent(a, Mask.READ, (e, mask) => {
        masks.push(mask)
        expect(++depth).toBe(1)
        if (masks.length === 1) eventer.trigger(e, Mask.EXCEPTION)
        depth--
        return masks.length < 2 ? Mask.READ : 0
      })
      eventer.trigger(event, Mask.READ)
      expect(masks).toEqual([])
      eventer.add(event)
      eventer.trigger(event, Mask.READ | Mask.WRITE)
      expect(masks).toEqual([Mask.READ | Mask.WRITE])
      await bench.until(() => masks.length === 2)
      expect(masks[1]).toBe(Mask.EXCEPTION)
      expect(event.isFreed).toBe(true)
    }))

  it('EK-08 triggered from another loop run on their own, later', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const target = eventer.timerIn(60_000, () => {
        seen.push(eventer.currentLoop()?.index)
        return 0
      })
      const seen: unknown[] = []
      eventer.chooseOwner(1).add(target)
      eventer.addIn(0, () => {
        eventer.trigger(target, Mask.TIMER)
        seen.push('triggered')
      })
      await bench.until(() => seen.length === 2)
      expect(seen).toEqual(['triggered', 1])
    }))

  it('EK-08 a queued trigger is dropped when the descriptor is closed before', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      let runs = 0
      const event = eventer.fdEvent(a, Mask.READ, async (e) => {
        runs++
        eventer.trigger(e, Mask.READ)
        bench.gone(a)
        await e.close()
        return 0
      })
      eventer.add(event)
      eventer.trigger(event, Mask.READ)
      await bench.passes(5)
      expect(runs).toBe(1)
      if (!event.isFreed) event.free()
    }))

  it('EK-09 kept together in a group, a time-out removes its descriptor event although that is ready', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const group = eventer.group(eventer.chooseOwner(1))
      const seen: string[] = []
      const fd = group.fd(a, Mask.READ, never)
      const timeout = group.timer(0, () => {
        seen.push('timeout')
        expect(eventer.remove(fd)).toBe(fd)
        fd.free()
      })
      expect([fd.owner, timeout.owner]).toEqual([group.owner, group.owner])
      expect(group.members).toEqual([fd, timeout])
      group.add()
      bench.write(b, 'x')
      await bench.until(() => timeout.isFreed)
      await bench.passes(3)
      expect(seen).toEqual(['timeout'])
      expect(group.members).toEqual([])
    }))

  it('EK-09 disposing a group removes and frees its members', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const group = eventer.group()
      const events = [group.fd(a, Mask.READ, never), group.timerAt(0, never), group.recurrent(never)]
      group.add()
      group.remove()
      expect(events.map((event) => event.isScheduled)).toEqual([false, false, false])
      group.add()
      group[Symbol.dispose]()
      expect(events.map((event) => event.isFreed)).toEqual([true, true, true])
      expect(eventer.findFd(a)).toBeUndefined()
    }))

  it('EK-09 EV-24 strict: a callback may not manipulate an event of another loop', () =>
    withEventer({ loops: 2, strict: true }, async (bench) => {
      const { eventer } = bench
      const other = eventer.timerIn(60_000, never) as TimedEvent
      eventer.chooseOwner(1).add(other)
      const codes: unknown[] = []
      eventer.addIn(0, () => {
        codes.push(codeOf(() => eventer.remove(other)))
        codes.push(codeOf(() => eventer.updateWhence(other, 0)))
        codes.push(codeOf(() => (other.owner = eventer.chooseOwner(0))))
        codes.push(codeOf(() => eventer.scheduler.clearTimed(other)))
      })
      await bench.until(() => codes.length === 4)
      expect(new Set(codes)).toEqual(new Set(['ERR_WRONG_THREAD']))
      expect(eventer.remove(other)).toBe(other)
      other.free()
    }))

  it('EK-09 EV-24 A-EK-8 lenient: it may, ten thousand times over', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const second = eventer.chooseOwner(1)
      bench.write(b, 'x')
      let rounds = 0
      let runs = 0
      let victim = eventer.fdEvent(a, Mask.READ, () => {
        runs++
        return Mask.READ
      })
      second.add(victim)
      const killer = eventer.timerIn(0, (e) => {
        eventer.remove(victim)
        const next = victim.copy()
        victim.free()
        victim = next
        rounds++
        second.add(victim)
        e.whence = 0
        return rounds < 10_000 ? Mask.TIMER : 0
      })
      eventer.add(killer)
      await bench.until(() => rounds === 10_000)
      const before = runs
      await bench.until(() => runs > before)
      victim[Symbol.dispose]()
    }))

  it('EK-10 float: not dispatched although ready, yet found and listed, until added again', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      let runs = 0
      const event = eventer.fdEvent(a, Mask.READ, () => {
        runs++
      })
      expect(codeOf(() => event.float())).toBe('EINVAL')
      eventer.add(event)
      expect(event.float()).toBe(event)
      bench.write(b, 'x')
      await bench.passes(5)
      eventer.trigger(event, Mask.READ)
      expect(runs).toBe(0)
      expect(codeOf(() => event.free())).toBe('ERR_EVENT_SCHEDULED')
      expect([...eventer.floatingEvents()]).toEqual([event])
      expect(eventer.findFd(a)).toBe(event)
      expect([...eventer.fdEvents()]).toEqual([])
      eventer.add(event)
      expect([...eventer.floatingEvents()]).toEqual([])
      await bench.until(() => runs === 1)
    }))

  it('EK-11 are one a descriptor', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const first = eventer.fdEvent(a, Mask.READ, never)
      const second = eventer.fdEvent(a, Mask.WRITE, never)
      eventer.add(first)
      expect(codeOf(() => eventer.add(second))).toBe('EEXIST')
      expect([first.isScheduled, second.isScheduled, eventer.findFd(a)]).toEqual([true, false, first])
      first[Symbol.dispose]()
      eventer.add(second)
      second[Symbol.dispose]()
    }))
})

describe('what is known about events', () => {
  it('EV-09 EV-19 callbacks have a start, and slow ones are logged', async () => {
    const runsWith = async (threshold: number) => {
      const lines: string[] = []
      await withEventer(
        { showLoopCallbacksThreshold: threshold, log: (line) => lines.push(line) },
        async (bench) => {
          const { eventer } = bench
          const started: (number | undefined)[] = []
          const slow = () => {
            started.push(eventer.callbackTime())
            burn(40)
          }
          const quick = () => void started.push(eventer.callbackTime())
          eventer.nameCallback('slow', slow)
          expect(eventer.callbackTime()).toBeUndefined()
          const whence = eventer.now()
          eventer.addAt(whence, slow)
          eventer.addAt(whence, quick)
          await bench.until(() => started.length === 2)
          const [first, second] = started as [number, number]
          if (threshold >= 0) expect(second - first).toBeGreaterThanOrEqual(25)
          else expect(second).toBeGreaterThanOrEqual(whence)
        },
      )
      return lines
    }
    expect(await runsWith(-1)).toEqual([])
    expect(await runsWith(0)).toHaveLength(2)
    const lines = await runsWith(20)
    const took = lines.map((line) => Number(/took (\d+\.\d+) ms in timer/.exec(line)?.[1]))
    expect(lines[0]).toContain('slow took')
    expect(took[0]).toBeGreaterThanOrEqual(25)
    // The quick one is told only when the machine held it up for as long.
    for (const ms of took) expect(ms).toBeGreaterThanOrEqual(20)
  })

  it('EV-11 callbacks know their loop', () =>
    withEventer({ loops: 3 }, async (bench) => {
      const { eventer } = bench
      expect([eventer.loopIndex(), eventer.inLoop(), eventer.currentLoop()]).toEqual([-1, false, undefined])
      const seen: unknown[] = []
      for (const loop of eventer.loops) {
        const event = eventer.timerIn(0, () => {
          seen[loop.index] = [
            eventer.loopIndex(),
            eventer.inLoop('default'),
            eventer.inLoop('other'),
            loop.name,
          ]
          const child = eventer.timerIn(0, never)
          expect(child.owner).toBe(loop)
          child.free()
        })
        expect(event.owner).toBe(eventer.loops[0])
        loop.add(event)
      }
      await bench.until(() => seen.filter(Boolean).length === 3)
      expect(seen).toEqual([0, 1, 2].map((n) => [n, true, false, `default/${n}`]))
      expect(eventer.loopIndex(eventer.loops[2]?.loopId)).toBe(2)
      expect(eventer.loopIndex(-5)).toBe(-1)
    }))

  it('PO-03 an owner is chosen by number, the same for the same', () =>
    withEventer({ loops: 4 }, ({ eventer }) => {
      const counts = new Map<number, number>()
      for (let n = 1; n <= 1000; n++) {
        const { index } = eventer.chooseOwner(n)
        expect(eventer.chooseOwner(n).index).toBe(index)
        counts.set(index, (counts.get(index) ?? 0) + 1)
      }
      expect(eventer.chooseOwner(0).index).toBe(0)
      expect([...counts.keys()].sort()).toEqual([1, 2, 3])
      expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(1)
    }))

  it('EV-13 callbacks have names of their own', () =>
    withEventer({}, ({ eventer }) => {
      const f = () => 0
      const g = () => 0
      eventer.nameCallback('x', f, (event) => `x(${event.kind})`)
      expect(codeOf(() => eventer.nameCallback('x', g))).toBe('ERR_NAME_TAKEN')
      eventer.nameCallback('x', f, (event) => `x for a ${event.kind}`)
      expect(eventer.callbackForName('x')).toBe(f)
      expect(eventer.callbackForName('y')).toBeUndefined()
      expect(eventer.nameForCallback(f)).toBe('x')
      expect(eventer.nameForCallback(g)).toBeUndefined()
      using named = eventer.timerIn(0, f)
      using unnamed = eventer.timerIn(0, g)
      expect(eventer.nameForCallback(f, named)).toBe('x for a timer')
      expect(eventer.describe(named)).toContain('x for a timer')
      expect(eventer.describe(unnamed)).toContain('(unnamed)')
    }))

  it('EV-14 a callback that throws, now or later, is reported once and its event freed', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const errors: CallbackError[] = []
      eventer.on('error', (error) => errors.push(error as CallbackError))
      const broken = () => {
        throw new TypeError('broken')
      }
      const later = async () => {
        await Promise.resolve()
        throw new RangeError('later')
      }
      eventer.nameCallback('broken', broken)
      const [a, b] = bench.pair()
      bench.write(b, 'x')
      const fd = eventer.fdEvent(a, Mask.READ, later)
      eventer.add(fd)
      const timer = eventer.addIn(0, broken)
      let others = 0
      eventer.addIn(0, () => void others++)
      await bench.until(() => errors.length === 2 && others === 1)
      await bench.passes(3)
      const byCause = new Map(errors.map((error) => [(error.cause as Error).message, error]))
      expect(errors).toHaveLength(2)
      expect(byCause.get('broken')).toMatchObject({
        code: 'ERR_CALLBACK',
        callbackName: 'broken',
        mask: Mask.TIMER,
        threadName: 'default/0',
      })
      expect(byCause.get('later')).toMatchObject({ callbackName: '(unnamed)', mask: Mask.READ })
      expect(byCause.get('later')).toBeInstanceOf(CallbackError)
      expect([timer.isFreed, fd.isFreed, eventer.findFd(a)]).toEqual([true, true, undefined])
    }))

  it('EV-14 without a listener it is an uncaught exception, and the batch goes on', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const uncaught: unknown[] = []
      const before = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => uncaught.push(error))
      try {
        const boom = new Error('boom')
        let after = 0
        const timer = eventer.addAt(0, () => {
          throw boom
        })
        eventer.addAt(0, () => void after++)
        await bench.until(() => uncaught.length === 1 && after === 1)
        expect(uncaught).toEqual([boom])
        expect(timer.isFreed).toBe(true)
      } finally {
        process.removeAllListeners('uncaughtException')
        for (const listener of before) process.on('uncaughtException', listener)
      }
    }))

  it('EV-14 an asynchronous callback is not entered again before it is done, and its value counts', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      bench.write(b, 'abc')
      let inside = 0
      let overlaps = 0
      const read: string[] = []
      const event = eventer.fdEvent(a, Mask.READ, async (e) => {
        if (inside++ > 0) overlaps++
        await eventer.sleep(5)
        const buffer = Buffer.alloc(1)
        e.read(buffer)
        read.push(buffer.toString())
        inside--
        return read.length < 3 ? Mask.READ : 0
      })
      eventer.add(event)
      await bench.until(() => event.isFreed)
      expect([read.join(''), overlaps]).toEqual(['abc', 0])

      let times = 0
      const timer = eventer.addIn(0, async (e) => {
        await Promise.resolve()
        e.whence = 0
        return ++times < 3 ? Mask.TIMER : 0
      })
      await bench.until(() => timer.isFreed)
      expect(times).toBe(3)
    }))

  it('EV-14 an event removed while its callback waits stays removed', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      let finish: (mask: number) => void = () => {}
      let runs = 0
      const timer = eventer.addIn(0, () => {
        runs++
        return new Promise<number>((resolve) => {
          finish = resolve
        })
      })
      await bench.until(() => runs === 1)
      expect(codeOf(() => timer.free())).toBe('ERR_EVENT_SCHEDULED')
      expect(eventer.remove(timer)).toBe(timer)
      timer.free()
      finish(Mask.TIMER)
      await bench.passes(3)
      expect(runs).toBe(1)
    }))

  it('EV-15 contexts are inherited, copied and cleaned up', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const inits: (number | undefined)[] = []
      let copies = 0
      let preps = 0
      let cleanups = 0
      const slot = eventer.registerContext<number>({
        name: 'task',
        init: (_event, inherited) => {
          inits.push(inherited)
          return inherited
        },
        copy: (value) => {
          copies++
          return value
        },
        prep: () => void preps++,
        cleanup: () => void cleanups++,
      })
      let done = false
      const outer = eventer.timerIn(0, (event) => {
        const child = eventer.timerIn(0, never)
        const copy = event.copy()
        expect([eventer.getContext(child, slot), eventer.getContext(copy, slot)]).toEqual([42, 42])
        child.free()
        copy.free()
        done = true
      })
      eventer.setContext(outer, slot, 42)
      eventer.add(outer)
      await bench.until(() => done)
      expect(inits).toEqual([undefined, 42])
      expect([copies, preps, cleanups]).toEqual([1, 1, 3])
      expect(codeOf(() => eventer.registerContext({ name: 'late' }))).toBe('ERR_TOO_LATE')
    }))

  it('EV-16 a callback runs in the async context that made its event', () =>
    withEventer({ asyncContext: true }, async (bench) => {
      const storage = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      storage.run('mine', () => bench.eventer.addIn(0, () => void seen.push(storage.getStore())))
      bench.eventer.addIn(0, () => void seen.push(storage.getStore()))
      await bench.until(() => seen.length === 2)
      expect(seen.sort()).toEqual(['mine', undefined])
    }))

  it('EV-17 events can be listed, and removed while listed', () =>
    withEventer({ loops: 2 }, (bench) => {
      const { eventer } = bench
      const fds = Array.from({ length: 10 }, () => {
        const event = eventer.fdEvent(bench.pair()[0], Mask.READ, never)
        eventer.add(event)
        return event
      })
      const timers = Array.from({ length: 10 }, (_, n) => {
        const event = eventer.timerIn(60_000, never)
        eventer.chooseOwner(n % 2).add(event)
        return event
      })
      expect([...eventer.fdEvents()]).toEqual(fds)
      const seen: Event[] = []
      for (const event of eventer.fdEvents()) {
        seen.push(event)
        const next = fds[fds.indexOf(event) + 1]
        if (next !== undefined) next[Symbol.dispose]()
      }
      expect(seen).toEqual(fds.filter((_, n) => n % 2 === 0))
      expect([...eventer.fdEvents()]).toEqual(seen)
      for (const event of eventer.timedEvents()) if (timers.indexOf(event) % 2 === 0) event[Symbol.dispose]()
      expect(new Set(eventer.timedEvents())).toEqual(new Set(timers.filter((_, n) => n % 2 === 1)))
      for (const event of [...fds, ...timers]) event[Symbol.dispose]()
    }))

  it('EV-18 EV-26 are counted, with shortcuts that make and add', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const before = eventer.allocations()
      let runs = 0
      const events = [
        eventer.addIn(1, () => void runs++),
        eventer.addAt(new Date(), () => void runs++),
        eventer.addAt({ sec: 1, usec: 500_000 }, () => void runs++),
        eventer.nextOpportunity(() => void runs++),
      ]
      expect(events.map((event) => event.isScheduled)).toEqual([true, true, true, true])
      expect(events[2]?.whence).toBe(1500)
      expect(eventer.allocations().current).toBe(before.current + 4)
      await bench.until(() => runs === 4)
      expect(eventer.allocations()).toEqual({ current: before.current, total: before.total + 4n })
    }))

  it('EV-20 additions, removals and triggers are traced on demand', async () => {
    const lines: string[] = []
    await withEventer({ log: (line) => lines.push(line) }, ({ eventer }) => {
      eventer.addIn(1000, never)[Symbol.dispose]()
      expect([eventer.debugging, lines.length]).toEqual([false, 0])
      eventer.debugging = true
      const timer = eventer.addIn(1000, () => Mask.TIMER)
      eventer.trigger(timer, Mask.TIMER)
      timer[Symbol.dispose]()
      eventer.debugging = false
      eventer.addIn(1000, never)[Symbol.dispose]()
    })
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['add', 'trigger', 'remove'])
  })

  it('FD-17 are described in one line', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      using fd = eventer.fdEvent(a, Mask.READ | Mask.WRITE, never)
      using timer = eventer.timerAt(1000, never)
      expect(eventer.describe(fd)).toBe(`fd/(unnamed)/${a}/READ|WRITE/default/0/-`)
      expect(eventer.describe(timer)).toBe('timer/(unnamed)/-/TIMER/default/0/1000.000')
    }))
})
