import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JobFlag, JobOutcome, JobQueueKind, JobStat } from '../../lib/backend/jobs'
import { errno } from '../../lib/backend/js/errno'
import { Out } from '../../lib/backend/protocol'
import { Host, type Run } from './js-jobs-bench'

let host: Host
beforeEach(() => {
  host = new Host()
})
afterEach(() => host.finish())

const count = (n: number) => Array.from({ length: n }, (_, at) => at)

describe('js job queues', () => {
  it('JQ-01 carries a job to a worker and its answer back, with its numbers', async () => {
    const queue = host.create()
    const handle = host.add(queue, host.target, 'hello')
    await host.over(handle)
    expect(host.done.get(handle)).toEqual({ outcome: JobOutcome.VALUE, flags: 0, text: 'hello' })
    expect(host.started).toBe(1)
    expect(host.stat(queue, JobStat.TOTAL)).toBe(1)
    expect(host.stat(queue, JobStat.BACKLOG) + host.stat(queue, JobStat.INFLIGHT)).toBe(0)
  })

  it('JQ-01 gives names out once and finds them', () => {
    const queue = host.create({ name: 'a' })
    expect(host.create({ name: 'a' })).toBe(-errno.EEXIST)
    expect(host.create({ name: 'A' })).not.toBe(queue)
    expect(host.queues.find('a')).toBe(queue)
    expect(host.queues.find('b')).toBe(-errno.ENOENT)
    expect(host.queues.list().filter((one) => !one.internal)).toHaveLength(2)
  })

  it('JQ-02 never runs more than it may, and loses none when that changes', async () => {
    const queue = host.create({ desired: 4 })
    const open: Run[] = []
    host.behaviour = (run) => void open.push(run)
    const handles = count(20).map((n) => host.add(queue, host.target, `${n}`))
    await host.until(() => open.length === 4)
    expect(host.stat(queue, JobStat.CONCURRENCY)).toBe(4)
    host.queues.configure(queue, { desired: 8 })
    await host.until(() => open.length === 8)
    host.queues.configure(queue, { desired: 1 })
    for (const run of open.splice(0)) run.answer()
    await host.until(() => open.length === 1)
    host.peak = 0
    host.behaviour = (run) => void setImmediate(() => run.answer())
    open[0]!.answer()
    await host.over(...handles)
    expect(host.peak).toBe(1)
    expect(new Set(host.starts).size).toBe(20)
    expect(host.stat(queue, JobStat.CONCURRENCY)).toBe(1)
  })

  it('JQ-03 A-JQ-3 has no thread before there is work, and starts no more than are wanted', async () => {
    const queue = host.create()
    expect(host.stat(queue, JobStat.CONCURRENCY)).toBe(0)
    await host.over(...count(10).map(() => host.add(queue, host.target)))
    expect(host.started).toBe(1)
    const wide = host.create({ name: 'wide', desired: 8 })
    await host.over(host.add(wide, host.target))
    expect(host.stat(wide, JobStat.CONCURRENCY)).toBe(1)
  })

  it('TP-19 has threads without work where that is asked for, and no more than are wanted', async () => {
    const queue = host.create({ desired: 3, floor: 2 })
    host.queues.configure(queue, { spawn: true })
    await host.until(() => host.stat(queue, JobStat.IDLE) === 3)
    host.queues.configure(queue, { desired: 1, floor: 1, spawn: true })
    await host.until(() => host.stat(queue, JobStat.CONCURRENCY) === 1)
    host.queues.configure(queue, { desired: 2 })
    expect(host.stat(queue, JobStat.CONCURRENCY)).toBe(1)
    host.queues.configure(queue, { spawn: true })
    await host.until(() => host.stat(queue, JobStat.IDLE) === 2)
    await host.over(host.add(queue, host.target))
    expect([host.started, host.stat(queue, JobStat.TOTAL)]).toEqual([4, 1])
  })

  it('JQ-06 holds places for those that try, and takes plain jobs whatever waits', async () => {
    const { queue, free } = await host.blocked({ maxBacklog: 2 })
    expect(host.jobs.reserve(queue)).toBe(0)
    const reserved = host.add(queue, host.target, '', { flags: JobFlag.RESERVED })
    expect(host.jobs.reserve(queue)).toBe(0)
    expect(host.jobs.reserve(queue)).toBe(-errno.EAGAIN)
    expect(host.jobs.unreserve(queue)).toBe(0)
    expect(host.jobs.reserve(queue)).toBe(0)
    expect(host.jobs.unreserve(queue)).toBe(0)
    const plain = count(3).map(() => host.add(queue, host.target))
    await host.until(() => host.backlog(queue) === 4)
    expect(host.jobs.reserve(queue)).toBe(-errno.EAGAIN)
    free()
    await host.over(reserved, ...plain)
    expect(host.jobs.reserve(queue)).toBe(0)
    expect(host.jobs.reserve(99)).toBe(-errno.ENOENT)
  })

  it('JQ-07 A-JQ-6 runs the newest first while it is LIFO, whenever that is switched', async () => {
    const { queue, free } = await host.blocked({ lifo: true })
    const handles = [1, 2, 3, 4, 5].map((n) => host.add(queue, host.target, `${n}`))
    free()
    await host.over(...handles)
    expect(host.starts.slice(1)).toEqual(['5', '4', '3', '2', '1'])
    const second = await host.blocked({ name: 'second' })
    host.starts.length = 0
    const open: Run[] = []
    host.behaviour = (run) => void open.push(run)
    const more = count(6).map((n) => host.add(second.queue, host.target, `${n}`))
    second.free()
    await host.until(() => open.length === 1)
    host.queues.configure(second.queue, { lifo: true })
    for (let n = 1; n < 6; n++) {
      open.shift()!.answer()
      if (n === 3) host.queues.configure(second.queue, { lifo: false })
      await host.until(() => open.length === 1)
    }
    open.shift()!.answer()
    await host.over(...more)
    expect(host.starts).toEqual(['0', '5', '4', '1', '2', '3'])
  })

  it('JQ-12 A-JQ-8 shares the threads among subqueues', async () => {
    const queue = host.create({ desired: 4 })
    const open: Run[] = []
    host.behaviour = (run) => void open.push(run)
    const greedy = count(100).map(() => host.add(queue, host.target, 'a', { subqueue: 1n }))
    await host.until(() => open.length === 4)
    const other = count(4).map(() => host.add(queue, host.target, 'b', { subqueue: 2n ** 64n - 7n }))
    await host.until(() => host.backlog(queue) === 100)
    expect(host.queues.subqueues(queue)).toEqual([
      { id: 1n, backlog: 96, inflight: 4 },
      { id: 2n ** 64n - 7n, backlog: 4, inflight: 0 },
    ])
    const running = (id: bigint) => open.filter((run) => run.subqueue === id).length
    for (let step = 0; step < 2; step++) {
      open.shift()!.answer()
      await host.until(() => open.length === 4)
    }
    expect([running(1n), running(-7n)]).toEqual([2, 2])
    open.splice(0, 1)[0]!.answer()
    await host.until(() => open.length === 4)
    expect([running(1n), running(-7n)]).toEqual([2, 2])
    host.behaviour = (run) => run.answer()
    for (const run of open.splice(0)) run.answer()
    await host.over(...greedy, ...other)
    expect(host.starts.slice(0, 12).filter((text) => text === 'b').length).toBe(4)
    expect(host.queues.subqueues(queue)).toEqual([])
  })

  it('JQ-13 JQ-14 A-JQ-9 drains, tells everybody who asked, and frees the name', async () => {
    const { queue, free } = await host.blocked()
    const waiting = host.add(queue, host.target)
    await host.until(() => host.backlog(queue) === 1)
    expect(host.queues.destroy(queue)).toBe(-errno.EBUSY)
    expect(host.queues.drain(queue, host.engine.loopId, 5)).toBe(0)
    expect(host.queues.drain(queue, host.engine.loopId, 6)).toBe(0)
    expect(host.jobs.reserve(queue)).toBe(-errno.ESHUTDOWN)
    const late = host.add(queue, host.target)
    await host.over(late)
    expect(host.outcome(late)).toBe(JobOutcome.SHUTDOWN)
    expect(host.drained).toEqual([])
    free()
    await host.until(() => host.drained.length === 2)
    expect(host.drained).toEqual([5, 6])
    expect(host.outcome(waiting)).toBe(JobOutcome.VALUE)
    expect(host.workers.size).toBe(0)
    expect(host.stat(queue, JobStat.STATE)).toBe(2)
    expect(host.queues.destroy(queue)).toBe(0)
    expect(host.queues.destroy(queue)).toBe(-errno.ENOENT)
    expect(host.create()).toBeGreaterThan(queue)
    const gone = host.add(queue, host.target)
    await host.over(gone)
    expect(host.outcome(gone)).toBe(JobOutcome.SHUTDOWN)
  })

  it('JQ-17 A-JQ-12 pauses, resumes, and removes what waits', async () => {
    const { queue, free } = await host.blocked()
    host.queues.configure(queue, { paused: true })
    const [removed, kept] = [host.add(queue, host.target, 'removed'), host.add(queue, host.target, 'kept')]
    free()
    await host.over(1)
    host.remove(removed as number)
    await host.over(removed as number)
    expect(host.outcome(removed as number)).toBe(JobOutcome.REMOVED)
    expect(host.stat(queue, JobStat.BACKLOG)).toBe(1)
    expect(host.starts).toEqual(['block'])
    host.queues.configure(queue, { paused: false })
    await host.over(kept as number)
    expect(host.starts).toEqual(['block', 'kept'])
  })

  it('JQ-17 runs the higher priority first, each in its order', async () => {
    const { queue, free } = await host.blocked()
    const handles = [0, 5, -1, 5, 0].map((priority, n) =>
      host.add(queue, host.target, `${priority}/${n}`, { priority }),
    )
    free()
    await host.over(...handles)
    expect(host.starts.slice(1)).toEqual(['5/1', '5/3', '0/0', '0/4', '-1/2'])
  })

  it('JQ-11 lists what waits and what runs', async () => {
    const { queue, free } = await host.blocked()
    const handle = host.add(queue, host.target, '', { subqueue: 9n, priority: 3 })
    await host.until(() => host.backlog(queue) === 1)
    const listed = host.queues.jobs(queue)
    expect(listed.every(({ ageMs }) => ageMs >= 0)).toBe(true)
    const jobs = listed.map(({ ageMs: _, ...job }) => job)
    const target = host.target
    expect(jobs).toEqual([
      { target, subqueue: 9n, priority: 3, state: 'waiting' },
      { target, subqueue: 0n, priority: 0, state: 'running' },
    ])
    free()
    await host.over(handle)
  })

  it('TP-15 drops what waits, all of it or what may be dropped', async () => {
    const { queue, free } = await host.blocked()
    const droppable = host.add(queue, host.target, '', { flags: JobFlag.DROPPABLE })
    const kept = host.add(queue, host.target)
    await host.until(() => host.backlog(queue) === 2)
    expect(host.queues.dropWaiting(queue, true)).toBe(1)
    await host.over(droppable)
    expect(host.outcome(droppable)).toBe(JobOutcome.SHUTDOWN)
    expect(host.queues.dropWaiting(queue, false)).toBe(1)
    await host.over(kept)
    free()
  })

  it('DESIGN 3 carries large bytes as blocks', async () => {
    const queue = host.create()
    const block = host.jobs.block(new Uint8Array(100_000).fill(97))
    const at = host.port.begin(Out.JOB_ADD, 7)
    host.port.outbox.set([queue, 77, host.target, JobFlag.BLOCK, block, 100_000], at + 1)
    await host.over(77)
    expect(host.done.get(77)?.text).toBe('a'.repeat(100_000))
    expect(host.jobs.takeBlock(block)).toBe(undefined)
  })

  it('runs native functions without native code, and knows which it has', async () => {
    expect(host.queues.target('native:', 'nobody:knows')).toBe(-errno.ENOENT)
    const nothing = host.queues.target('native:', 'heddle:nothing')
    const queue = host.create({ kind: JobQueueKind.NATIVE, desired: 2 })
    const handles = count(5).map(() => host.add(queue, nothing))
    await host.over(...handles)
    expect(handles.map((handle) => host.done.get(handle)?.text.length)).toEqual(count(5).map(() => 8))
    expect(host.stat(queue, JobStat.CONCURRENCY)).toBe(2)
    host.queues.drain(queue, host.engine.loopId, 1)
    await host.until(() => host.drained.length === 1)
  })
})
