import { describe, expect, it } from 'vitest'
import { Mask, RemoteEventer, remoteTrigger, remoteWake } from '../../lib/eventer'
import { inWorkerOf } from './compiled'
import { backend, codeOf, withEventer } from './eventer-harness'

/** Runs a body in a worker thread, with `eventer` the module under test and `data` what was given. */
const inWorker = (body: string, data: unknown) => inWorkerOf({ eventer: 'eventer/index.js' }, body, data)

describe('events of another thread', () => {
  it('EV-24 EK-08 are triggered there, on their own thread', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const masks: number[] = []
      const timer = eventer.addIn(60_000, (_e, mask) => {
        masks.push(mask)
        return masks.length < 3 ? Mask.TIMER : 0
      })
      eventer.start()
      await inWorker(
        `const remote = new eventer.RemoteEventer()
         remote.trigger(data, 1)
         remote.trigger(data, 2)
         eventer.remoteTrigger(data, 4)`,
        timer.eventRef,
      )
      await bench.until(() => timer.isFreed)
      expect(masks).toEqual([1, 2, 4])
    }))

  it('EV-05 A-EV-2 EV-24 run between timers and recurrent events when triggered before the start', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      const [a, b] = bench.pipe()
      bench.write(b, 'x')
      eventer.add(eventer.fdEvent(a, Mask.READ, () => void seen.push('fd')))
      eventer.add(eventer.recurrent(() => void seen.push('recurrent')))
      const target = eventer.addIn(60_000, () => void seen.push('trigger'))
      eventer.nextOpportunity(() => void seen.push('timer'))
      await inWorker('new eventer.RemoteEventer().trigger(data, 8)', target.eventRef)
      expect(seen).toEqual([])
      await bench.until(() => seen.length === 4)
      expect(seen).toEqual(['timer', 'trigger', 'recurrent', 'fd'])
    }))

  it('EV-07 TM-09 wake their loop, and new timers shorten its wait', () =>
    withEventer({ maxSleepMs: 60_000, watchdogTimeoutMs: 3_600_000 }, async (bench) => {
      const { eventer } = bench
      const loop = eventer.chooseOwner(0)
      const seen: unknown[] = []
      eventer.nameCallback('remote timer', (_e, mask, closure) => {
        seen.push(mask, closure)
      })
      await bench.passes(2)
      const { passes } = loop
      await inWorker(
        `eventer.remoteWake(data)
         const remote = new eventer.RemoteEventer()
         remote.add(data, {
           kind: 'timer', whence: Date.now() + 5, callback: 'remote timer', closure: { from: [1, 2] },
         })`,
        loop.loopId,
      )
      await bench.until(() => seen.length === 2)
      expect(seen).toEqual([Mask.TIMER, { from: [1, 2] }])
      expect(loop.passes).toBeGreaterThan(passes)
    }))

  it('FD-03 FD-04 A-SC-1 are scheduled and dispatched, but not just scheduled, from there', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const masks: number[] = []
      eventer.nameCallback('remote fd', (_e, mask) => {
        masks.push(mask)
      })
      eventer.start()
      const code = await inWorker(
        `const spec = { kind: 'fd', fd: data.fd, mask: 5, callback: 'remote fd' }
         const remote = new eventer.RemoteEventer()
         const code = codeOf(() => remote.schedule(data.loopId, spec))
         remote.scheduleAndDispatch(data.loopId, spec)
         return code`,
        { fd: a, loopId: eventer.chooseOwner(0).loopId },
      )
      expect(code).toBe('ERR_WRONG_THREAD')
      await bench.until(() => masks.length === 1 && eventer.allocations().current === 0)
      expect(masks).toEqual([5])
    }))

  it('EK-09 EV-24 are removed and updated by forwarding, or not at all in strict mode', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const fd = eventer.fdEvent(a, Mask.READ, () => Mask.READ)
      eventer.add(fd)
      const timer = eventer.addIn(60_000, () => 0)
      eventer.start()
      const codes = await inWorker(
        `const strict = new eventer.RemoteEventer({ strict: true })
         const codes = [codeOf(() => strict.remove(data.timer)), codeOf(() => strict.update(data.fd, 2))]
         const lenient = new eventer.RemoteEventer()
         lenient.remove(data.timer)
         lenient.update(data.fd, 4)
         return codes`,
        { timer: timer.eventRef, fd: fd.eventRef },
      )
      expect(codes).toEqual(['ERR_WRONG_THREAD', 'ERR_WRONG_THREAD'])
      await bench.until(() => timer.isFreed && fd.mask === Mask.EXCEPTION)
      fd[Symbol.dispose]()
    }))

  it('EV-24 survive a hammer of four threads', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      let triggers = 0
      let timers = 0
      const target = eventer.addIn(60_000, () => {
        triggers++
        return Mask.TIMER
      })
      eventer.nameCallback('hammered', () => void timers++)
      eventer.start()
      const body = `
        const remote = new eventer.RemoteEventer()
        let sent = 0
        for (let n = 0; n < 200; n++) {
          remote.trigger(data, 1)
          remote.wakeup(data.loopId)
          for (;;) {
            const code = codeOf(() => remote.add(data.loopId, { kind: 'timer', whence: 0, callback: 'hammered' }))
            if (code === undefined) break
            if (code !== 'ENOBUFS') throw new Error(code)
            await new Promise((resolve) => setTimeout(resolve, 1))
          }
          if (n % 20 === 0) await new Promise(setImmediate)
        }`
      await Promise.all([1, 2, 3, 4].map(() => inWorker(body, target.eventRef)))
      await bench.until(() => timers === 800)
      expect(triggers).toBeGreaterThan(0)
      expect(triggers).toBeLessThanOrEqual(800)
      target[Symbol.dispose]()
    }))

  it('EV-24 failures of forwarded calls are reported where they happen', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const codes: unknown[] = []
      eventer.on('error', (error) => codes.push((error as { code: string }).code))
      const { loopId } = eventer.chooseOwner(0)
      const remote = new RemoteEventer({ backend })
      remote.add(loopId, { kind: 'recurrent', callback: 'nobody' })
      eventer.nameCallback('somebody', () => 0)
      remote.add(loopId, { kind: 'fd', fd: 2 ** 30, mask: Mask.READ, callback: 'somebody' })
      await bench.until(() => codes.length === 2)
      expect(codes).toEqual(['ENOENT', 'EBADF'])
    }))

  it('EV-24 stale references are dropped, and loops that are gone are an error', async () => {
    let loopId = 0
    await withEventer({}, async (bench) => {
      const { eventer } = bench
      loopId = eventer.chooseOwner(0).loopId
      const first = eventer.addIn(60_000, () => 0)
      const stale = first.eventRef
      first[Symbol.dispose]()
      let runs = 0
      const second = eventer.addIn(60_000, () => void runs++)
      expect(second.eventRef).not.toEqual(stale)
      remoteTrigger(stale, Mask.TIMER, backend)
      remoteWake(loopId, backend)
      await bench.passes(3)
      expect(runs).toBe(0)
      second[Symbol.dispose]()
    })
    expect(codeOf(() => remoteWake(loopId, backend))).toBe('ENOENT')
    expect(codeOf(() => remoteTrigger({ loopId, handle: 1 }, 1, backend))).toBe('ENOENT')
  })
})
