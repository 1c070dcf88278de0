import { describe, expect, it } from 'vitest'
import {
  type CallbackError,
  Eventer,
  type FdEvent,
  Mask,
  RemoteEventer,
  Scheduler,
  type TimedEvent,
} from '../../lib/eventer'
import { backend, codeOf, sys, withEventer } from './eventer-harness'

const never = () => {
  throw new Error('this callback must not run')
}

describe('the scheduler facade', () => {
  it('FD-03 schedules events it built, one a descriptor', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const { scheduler } = eventer
      const [a, b] = bench.pair()
      let got: unknown
      const event = scheduler.buildFdEvent(
        a,
        Mask.READ,
        (e, _mask, closure) => {
          got = [closure, e.read(Buffer.alloc(10)).n]
          return 0
        },
        'closure',
      )
      scheduler.schedule(event)
      const second = scheduler.buildFdEvent(a, Mask.READ, never)
      expect(codeOf(() => scheduler.schedule(second))).toBe('EEXIST')
      scheduler.freeEvent(second)
      bench.write(b, 'abc')
      await bench.until(() => event.isFreed)
      expect(got).toEqual(['closure', 3])
    }))

  it('FD-03 belongs to the thread of the owner', () =>
    withEventer({ loops: 2, strict: true }, async (bench) => {
      const { eventer } = bench
      const event = eventer.scheduler.buildEventFromNowF(60, never)
      event.owner = eventer.chooseOwner(1)
      let code: unknown
      eventer.addIn(0, () => {
        code = codeOf(() => eventer.scheduler.schedule(event))
      })
      await bench.until(() => code !== undefined)
      expect(code).toBe('ERR_WRONG_THREAD')
      event.free()
    }))

  it('FD-04 A-SC-1 scheduleAndDispatch calls back once with the mask, ready or not, later', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const masks: number[] = []
      const event = eventer.scheduler.buildFdEvent(a, Mask.READ | Mask.EXCEPTION, (_e, mask) => {
        masks.push(mask)
        return Mask.READ
      })
      eventer.scheduler.scheduleAndDispatch(event)
      expect(masks).toEqual([])
      await bench.until(() => masks.length === 1)
      await bench.passes(3)
      expect(masks).toEqual([Mask.READ | Mask.EXCEPTION])
      event[Symbol.dispose]()
    }))

  it('FD-05 A-SC-2 clearByFd hands the event back and leaves the descriptor open', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const { scheduler } = eventer
      const [a, b] = bench.pair()
      const event = scheduler.buildFdEvent(a, Mask.READ, never)
      scheduler.schedule(event)
      expect(scheduler.clearByFd(a)).toBe(event)
      bench.write(b, 'x')
      await bench.passes(3)
      expect(scheduler.clearByFd(a)).toBeUndefined()
      expect(scheduler.clearByFd(123_456)).toBeUndefined()
      expect(sys.descriptorFlags(a)).toBeGreaterThanOrEqual(0)
      scheduler.freeEvent(event)
    }))

  it('TM-01 builds timers from seconds and microseconds, fractions and points in time', () =>
    withEventer({}, ({ eventer }) => {
      const { scheduler } = eventer
      const before = eventer.now()
      const built = [
        scheduler.buildEventFromNow(30, 500_000, never),
        scheduler.buildEventFromNowF(30.5, never),
        scheduler.buildEventAt(before + 30_500, never),
      ]
      const after = eventer.now()
      for (const event of built) {
        expect(event.whence - before).toBeGreaterThanOrEqual(30_500)
        expect(event.whence - after).toBeLessThanOrEqual(30_500)
        scheduler.freeEvent(event)
      }
    }))

  it('TM-02 A-TM-2 takes anything but 0 from a timer for a mistake', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const errors: CallbackError[] = []
      eventer.on('error', (error) => errors.push(error as CallbackError))
      const wrong = eventer.scheduler.buildEventFromNowF(0, () => 1)
      const right = eventer.scheduler.buildEventFromNowF(0, () => 0)
      eventer.scheduler.schedule(wrong)
      eventer.scheduler.schedule(right)
      await bench.until(() => wrong.isFreed && right.isFreed)
      expect(errors.map(({ code }) => code)).toEqual(['ERR_TIMER_RETURN'])
    }))

  it('TM-06 A-TM-4 clearTimed frees what it found, and leaves the rest to the caller', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const { scheduler } = eventer
      const pending = scheduler.buildEventFromNowF(30, never)
      scheduler.schedule(pending)
      expect(scheduler.clearTimed(pending)).toBe(true)
      expect(pending.isFreed).toBe(true)
      expect(scheduler.clearTimed(pending)).toBe(false)

      const fired = scheduler.buildEventFromNowF(0, () => 0)
      scheduler.schedule(fired)
      await bench.until(() => fired.isFreed)
      expect(scheduler.clearTimed(fired)).toBe(false)
      scheduler.freeEvent(fired)
      expect(codeOf(() => scheduler.freeEvent(fired))).toBe('ERR_EVENT_FREED')

      const idle = scheduler.buildEventFromNowF(30, never)
      expect(scheduler.clearTimed(idle)).toBe(false)
      scheduler.freeEvent(idle)
    }))

  it('FD-13 ends a descriptor event with 0, in strict mode too', () =>
    withEventer({ strict: true }, async (bench) => {
      const { eventer } = bench
      const errors: unknown[] = []
      eventer.on('error', (error) => errors.push(error))
      const [a] = bench.pair()
      const event = eventer.scheduler.buildFdEvent(a, Mask.WRITE, () => 0)
      eventer.scheduler.schedule(event)
      await bench.until(() => event.isFreed)
      expect(errors).toEqual([])
    }))

  it('EV-24 A-SC-4 every call says which threads may use it, and another thread is refused the others', () => {
    const classes = new Map<string, unknown>()
    for (const prototype of [Eventer.prototype, Scheduler.prototype]) {
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const value = Object.getOwnPropertyDescriptor(prototype, name)?.value as
          | { threadClass?: string }
          | undefined
        if (value?.threadClass !== undefined) classes.set(name, value.threadClass)
      }
    }
    expect(classes.get('add')).toBe('any-thread')
    expect(classes.get('trigger')).toBe('any-thread')
    expect(classes.get('remove')).toBe('owner-loop')
    expect(classes.get('schedule')).toBe('scheduler')

    const remote = new RemoteEventer({ backend, strict: true })
    const refusals = {
      remove: () => remote.remove({ loopId: 1, handle: 1 }),
      update: () => remote.update({ loopId: 1, handle: 1 }, Mask.READ),
      schedule: () => remote.schedule(1, { kind: 'recurrent', callback: 'x' }),
      clearByFd: () => remote.clearByFd(1, 1),
    }
    for (const [name, call] of Object.entries(refusals)) {
      expect(classes.get(name), name).not.toBe('any-thread')
      expect(codeOf(call), name).toBe('ERR_WRONG_THREAD')
    }
  })
})

describe('the event examples of the source documents', () => {
  it('A-SC-5 FD-07 reading: logs what comes, ends with the peer', () =>
    withEventer({}, async (bench) => {
      const { scheduler } = bench.eventer
      const [fd, peer] = bench.pair()
      const log: string[] = []
      const buf = Buffer.alloc(8192)
      const itsReadable = (event: FdEvent<unknown>) => {
        const { n, need, eof } = event.read(buf)
        if (n !== undefined) {
          log.push(`I read ${n} bytes: ${buf.toString('latin1', 0, n)}`)
          return Mask.READ
        }
        if (need !== undefined) return need
        log.push(eof ? 'the peer is done' : 'unreachable')
        bench.gone(fd)
        return event.close().then(() => 0)
      }
      const event = scheduler.buildFdEvent(fd, Mask.READ, itsReadable)
      scheduler.schedule(event)
      bench.write(peer, 'one')
      await bench.until(() => log.length === 1)
      bench.write(peer, 'second')
      await bench.until(() => log.length === 2)
      bench.close(peer)
      await bench.until(() => event.isFreed)
      expect(log).toEqual(['I read 3 bytes: one', 'I read 6 bytes: second', 'the peer is done'])
    }))

  it('A-SC-5 FD-06 flip-flop: writes, tries to read at once, and never stalls', () =>
    withEventer({}, async (bench) => {
      const { scheduler } = bench.eventer
      const [fd, peer] = bench.pair()
      const buf = Buffer.alloc(5)
      const hello = Buffer.from('hello\r\n')
      let read = ''
      let failure: string | undefined
      const flipFlop = (event: FdEvent<unknown>, mask: number) => {
        let writing = (mask & Mask.WRITE) !== 0
        try {
          for (;;) {
            const result = writing ? event.write(hello) : event.read(buf)
            if (result.again) return result.need
            if (result.eof) break
            if (!writing) read += buf.toString('latin1', 0, result.n)
            writing = !writing
          }
        } catch (error) {
          failure = (error as { code: string }).code
        }
        bench.gone(fd)
        return event.close().then(() => 0)
      }
      const event = scheduler.buildFdEvent(fd, Mask.WRITE, flipFlop)
      scheduler.schedule(event)
      let heard = ''
      await bench.until(() => {
        heard += bench.drain(peer)
        return heard === 'hello\r\n'
      })
      bench.write(peer, 'line 1\r\nline 2\r\n')
      await bench.until(() => {
        heard += bench.drain(peer)
        return read.length === 16
      })
      expect(read).toBe('line 1\r\nline 2\r\n')
      // Sixteen bytes, five at a time: four reads, and a greeting after each.
      await bench.until(() => {
        heard += bench.drain(peer)
        return heard.length === 5 * hello.length
      })
      bench.close(peer)
      await bench.until(() => event.isFreed)
      expect([undefined, 'EPIPE', 'ECONNRESET']).toContain(failure)
    }))

  it('A-SC-5 TM-01 a timer of 30 (milli)seconds with a closure', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const log: string[] = []
      const start = eventer.now()
      const t = eventer.scheduler.buildEventFromNowF(
        0.03,
        (_event, _type, closure, now) => {
          log.push(`my_func was triggered, closure is ${closure}`)
          expect(now - start).toBeGreaterThanOrEqual(30)
          return 0
        },
        'hello',
      )
      eventer.scheduler.schedule(t)
      await bench.until(() => t.isFreed)
      expect(log).toEqual(['my_func was triggered, closure is hello'])
    }))

  it('A-SC-5 TM-02 a recurring timer makes a new event each time', () =>
    withEventer({}, async (bench) => {
      const { scheduler } = bench.eventer
      const events = new Set<TimedEvent>()
      let current: TimedEvent | undefined
      const myFunc = (event: TimedEvent<string>, _type: number, closure: string) => {
        expect(closure).toBe('hello')
        events.add(event)
        const t = scheduler.buildEventFromNowF(0.003, myFunc, closure)
        scheduler.schedule(t)
        current = t
        return 0
      }
      scheduler.schedule(scheduler.buildEventFromNowF(0.003, myFunc, 'hello'))
      await bench.until(() => events.size === 5)
      expect(scheduler.clearTimed(current as TimedEvent)).toBe(true)
    }))

  it('A-SC-5 TM-06 cancelling: clear, and free what was not found', () =>
    withEventer({}, async (bench) => {
      const { scheduler } = bench.eventer
      const cancel = (t: TimedEvent) => {
        if (!scheduler.clearTimed(t)) scheduler.freeEvent(t)
      }
      const waiting = scheduler.buildEventFromNowF(30, never)
      scheduler.schedule(waiting)
      cancel(waiting)
      const fired = scheduler.buildEventFromNowF(0, () => 0)
      scheduler.schedule(fired)
      await bench.until(() => fired.isFreed)
      cancel(fired)
      const unscheduled = scheduler.buildEventFromNowF(30, never)
      cancel(unscheduled)
      expect([waiting, fired, unscheduled].map((event) => event.isFreed)).toEqual([true, true, true])
    }))
})
