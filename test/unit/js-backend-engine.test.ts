import { afterEach, describe, expect, it } from 'vitest'
import { In, MaskBit, Out, Control, Clock, Phase } from '../../lib/backend/protocol'
import { Bench } from './js-backend-bench'

let bench: Bench
afterEach(() => bench.close())

describe('js engine passes', () => {
  it('EV-05 runs timers, triggers, recurrents, then descriptors in one batch', async () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    bench.port.pushDouble(Out.TIMER_ADD, 1, 0)
    bench.port.push2(Out.TRIGGER, 2, 5)
    bench.port.push1(Out.RECURRENT_ADD, 3)
    expect(bench.engine.fdAdd(4, a, MaskBit.READ)).toBe(0)
    expect(bench.sys.write(b, Buffer.from('x'))).toBe(1)
    bench.engine.start()
    await bench.until(() => bench.kinds().includes(In.FD))
    expect(bench.kinds().slice(0, 4)).toEqual([In.TIMER, In.TRIGGER, In.RECURRENT, In.FD])
    expect(new Set(bench.records.slice(0, 4).map((record) => record.batch)).size).toBe(1)
  })

  it('EV-05 names its phases while it is traced', async () => {
    bench = new Bench()
    bench.port.control[Control.TRACE] = 1
    bench.engine.start()
    await bench.until(() => bench.records.length >= 6)
    const phases = bench.records.slice(0, 6).map((record) => record.words[0])
    expect(phases).toEqual(Object.values(Phase))
  })

  it('EV-05 keeps a timer that a timer callback adds for the next pass', async () => {
    bench = new Bench()
    bench.on(In.TIMER, (words) => {
      if (words[0] === 1) bench.port.pushDouble(Out.TIMER_ADD, 2, 0)
    })
    bench.port.pushDouble(Out.TIMER_ADD, 1, 0)
    bench.engine.start()
    await bench.until(() => bench.of(In.TIMER).length === 2)
    const [first, second] = bench.of(In.TIMER)
    expect(second!.batch).toBeGreaterThan(first!.batch)
    expect(bench.port.control[Control.TIMERS]).toBe(0)
  })

  it('EV-06 passes at least every maxSleepMs when nothing happens', async () => {
    bench = new Bench({ maxSleepMs: 5 })
    bench.engine.start()
    await bench.until(() => bench.port.control[Control.PASSES]! >= 5)
    expect(bench.port.clock[Clock.LAST_BEAT]).toBe(bench.port.clock[Clock.NOW])
    expect(bench.port.clock[Clock.STARTED]).toBeGreaterThan(0)
  })

  it('EV-07 wake makes a pass without a record', async () => {
    bench = new Bench({ maxSleepMs: 60_000 })
    bench.engine.start()
    await bench.until(() => bench.port.control[Control.PASSES] === 1)
    expect(bench.backend.wake(bench.engine.loopId)).toBe(0)
    await bench.until(() => bench.port.control[Control.PASSES] === 2)
    expect(bench.records).toEqual([])
  })

  it('applies what is written outside of a dispatch before the loop sleeps', async () => {
    bench = new Bench({ maxSleepMs: 60_000 })
    bench.engine.start()
    await bench.until(() => bench.port.control[Control.PASSES] === 1)
    await new Promise((resolve) => setTimeout(resolve, 2))
    bench.port.push2(Out.TRIGGER, 7, 1)
    bench.port.push2(Out.TRIGGER, 8, 2)
    expect(bench.port.control[Control.OUT_WORDS]).toBe(6)
    await bench.until(() => bench.of(In.TRIGGER).length === 2)
    expect(bench.of(In.TRIGGER).map((record) => record.words)).toEqual([
      [7, 1],
      [8, 2],
    ])
  })

  it('applies what an await inside a callback writes later', async () => {
    bench = new Bench({ maxSleepMs: 60_000 })
    bench.on(In.TRIGGER, async (words) => {
      if (words[0] !== 1) return
      await new Promise((resolve) => setTimeout(resolve, 1))
      bench.port.push2(Out.TRIGGER, 2, 0)
    })
    bench.port.push2(Out.TRIGGER, 1, 0)
    bench.engine.start()
    await bench.until(() => bench.of(In.TRIGGER).length === 2)
  })

  it('never loses a record when more are written than the outbox holds', async () => {
    bench = new Bench()
    const count = 30_000
    for (let i = 0; i < count; i++) bench.port.push2(Out.TRIGGER, i, 0)
    bench.engine.start()
    await bench.until(() => bench.of(In.TRIGGER).length === count)
    expect(bench.of(In.TRIGGER).map((record) => record.words[0])).toEqual(
      Array.from({ length: count }, (_, i) => i),
    )
  })

  it('RC-01 runs recurrents once a pass and not after their removal', async () => {
    bench = new Bench({ maxSleepMs: 2 })
    bench.port.push1(Out.RECURRENT_ADD, 9)
    bench.engine.start()
    await bench.until(() => bench.of(In.RECURRENT).length === 3)
    bench.port.push1(Out.RECURRENT_DELETE, 9)
    await bench.passes(2)
    const seen = bench.of(In.RECURRENT).length
    await bench.passes(3)
    expect(bench.of(In.RECURRENT).length).toBe(seen)
    const batches = bench.of(In.RECURRENT).map((record) => record.batch)
    expect(new Set(batches).size).toBe(batches.length)
  })

  it('stop keeps what is registered, start goes on with it', async () => {
    bench = new Bench({ maxSleepMs: 2 })
    bench.engine.start()
    await bench.passes(2)
    bench.engine.stop()
    const before = bench.port.control[Control.PASSES]
    bench.port.pushDouble(Out.TIMER_ADD, 1, 0)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(bench.port.control[Control.PASSES]).toBe(before)
    expect(bench.records).toEqual([])
    bench.engine.start()
    await bench.until(() => bench.of(In.TIMER).length === 1)
  })

  it('a callback that throws loses no other record and does not stop the loop', async () => {
    bench = new Bench()
    bench.on(In.TRIGGER, (words) => {
      if (words[0] === 1) throw new Error('planned')
    })
    bench.port.push2(Out.TRIGGER, 1, 0)
    bench.port.push2(Out.TRIGGER, 2, 0)
    bench.engine.start()
    await bench.until(() => bench.of(In.TRIGGER).length === 2)
    expect(bench.uncaught.map(String)).toEqual(['Error: planned'])
  })
})
