import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Claim, JobFlag, JobOutcome, JobQueueKind, JobStat } from '../../lib/backend/jobs'
import { errno } from '../../lib/backend/js/errno'
import { Out } from '../../lib/backend/protocol'
import { Host, type PlayedWorker, type Run, SPEC } from './js-jobs-bench'

let host: Host
beforeEach(() => {
  host = new Host()
})
afterEach(() => host.finish())

/** Keeps what begins until the case answers it. */
function hold(): Run[] {
  const open: Run[] = []
  host.behaviour = (run) => void open.push(run)
  return open
}

/** A queue whose worker is there, so that a job has begun long before `soon`. */
async function warm(): Promise<number> {
  const queue = host.create()
  await host.over(host.add(queue, host.target, 'first'))
  return queue
}
const soon = () => performance.now() + 400

const worker = () => [...host.workers][0] as PlayedWorker
const count = (n: number) => Array.from({ length: n }, (_, at) => at)

describe('times of jobs of the js backend', () => {
  it('AS-08 A-AS-5 skips the work of a job that begins too late, and not its cleanup', async () => {
    const { queue, free } = await host.blocked()
    const past = host.port.now - 1
    const plain = host.add(queue, host.target, 'plain', { deadline: past })
    const phased = host.add(queue, host.target, 'phased', { deadline: past, flags: JobFlag.PHASED })
    const future = host.add(queue, host.target, 'future', { deadline: past + 1e6 })
    const seen: [string, number][] = []
    host.behaviour = (run) => {
      seen.push([run.text, run.flags & JobFlag.SKIP_WORK])
      run.answer()
    }
    free()
    await host.over(plain, phased, future)
    expect([plain, phased, future].map((handle) => host.outcome(handle))).toEqual([
      JobOutcome.TIMED_OUT,
      JobOutcome.TIMED_OUT,
      JobOutcome.VALUE,
    ])
    expect(seen).toEqual([
      ['phased', JobFlag.SKIP_WORK],
      ['future', 0],
    ])
    expect(host.stat(queue, JobStat.TIMEOUTS)).toBe(2)
  })

  it('AS-10 moves the deadline of a job that waits, and of no other', async () => {
    const { queue, free } = await host.blocked()
    const late = host.add(queue, host.target, 'late')
    const cancelled = host.add(queue, host.target, '', { deadline: 1e12, flags: JobFlag.CANCEL_SIGNAL })
    await host.until(() => host.backlog(queue) === 2)
    expect(host.jobs.setDeadline(late, 0)).toBe(0)
    expect(host.jobs.setDeadline(cancelled, 0)).toBe(-errno.EINVAL)
    expect(host.jobs.setDeadline(1, 0)).toBe(-errno.ENOENT)
    free()
    await host.over(late, cancelled)
    expect(host.outcome(late)).toBe(JobOutcome.TIMED_OUT)
    expect(host.jobs.setDeadline(late, 0)).toBe(-errno.ENOENT)
  })

  it('AS-09 asks a job to stop at its deadline, and lets it answer', async () => {
    const queue = await warm()
    const open = hold()
    const deadline = soon()
    const handle = host.add(queue, host.target, '', { deadline, flags: JobFlag.CANCEL_SIGNAL })
    await host.until(() => open.length === 1 && worker().signals.length === 1)
    expect(performance.now()).toBeGreaterThanOrEqual(deadline)
    expect(worker().signals).toEqual([open[0]!.run])
    expect(Atomics.load(worker().claims, open[0]!.run)).toBe(Claim.SIGNALLED)
    open[0]!.answer('early')
    await host.over(handle)
    expect(host.done.get(handle)).toMatchObject({ outcome: JobOutcome.VALUE, text: 'early' })
  })

  it('AS-09 ends the worker at the deadline, and runs the cleanup elsewhere', async () => {
    const queue = await warm()
    const open = hold()
    const flags = JobFlag.CANCEL_TERMINATE
    const phased = host.add(queue, host.target, 'phased', {
      deadline: soon(),
      flags: flags | JobFlag.PHASED,
    })
    await host.until(() => open.length === 2)
    expect(open.map((run) => run.flags & JobFlag.SKIP_WORK)).toEqual([0, JobFlag.SKIP_WORK])
    expect(host.started).toBe(2)
    expect(host.outcome(phased)).toBe(undefined)
    open[1]!.answer()
    await host.over(phased)
    expect(host.outcome(phased)).toBe(JobOutcome.RUN_TIMED_OUT)
    const plain = host.add(queue, host.target, '', { deadline: soon(), flags })
    await host.over(plain)
    expect(host.outcome(plain)).toBe(JobOutcome.RUN_TIMED_OUT)
  })

  it('JQ-17 answers for a job that runs too long, and drops what it says later', async () => {
    const queue = host.create()
    const open = hold()
    const handle = host.add(queue, host.target, '', { runTimeout: 10 })
    await host.over(handle)
    expect(host.outcome(handle)).toBe(JobOutcome.RUN_TIMED_OUT)
    // Its thread is still taken.
    const next = host.add(queue, host.target, 'next')
    await host.until(() => host.backlog(queue) === 1)
    expect(open.length).toBe(1)
    expect(host.stat(queue, JobStat.INFLIGHT)).toBe(1)
    open[0]!.answer('late')
    await host.until(() => open.length === 2)
    open[1]!.answer()
    await host.over(next)
    expect(host.order).toEqual([handle, next])
  })

  it('JQ-17 leaves the job itself alone at the end of its run time, unless it has a cancel mode', async () => {
    const queue = host.create()
    const open = hold()
    const flags = JobFlag.CANCEL_SIGNAL
    const runTimeout = 5
    const cases = [
      { order: { runTimeout }, claim: Claim.RUNNING },
      { order: { runTimeout, flags }, claim: Claim.SIGNALLED },
    ]
    for (const { order, claim } of cases) {
      const handle = host.add(queue, host.target, '', order)
      await host.over(handle)
      expect(host.outcome(handle)).toBe(JobOutcome.RUN_TIMED_OUT)
      const run = open.pop()!
      expect(Atomics.load(worker().claims, run.run)).toBe(claim)
      run.answer()
    }
    expect(host.condemned).toEqual([])
  })

  it('AS-09 gives nothing to a worker that is to be ended', async () => {
    const queue = host.create()
    const open = hold()
    host.canEnd = false
    host.add(queue, host.target, 'ends by itself', { flags: JobFlag.CANCEL_TERMINATE })
    await host.until(() => open.length === 1)
    const [first] = host.workers
    host.remove(1, true)
    const next = host.add(queue, host.target, 'next')
    await host.until(() => host.condemned.length === 1)
    open.pop()!.answer()
    await host.over(1)
    await host.passes(3)
    expect(host.outcome(1)).toBe(JobOutcome.VALUE)
    expect([open.length, host.backlog(queue)]).toEqual([0, 1])
    first!.end()
    await host.until(() => open.length === 1)
    open.pop()!.answer()
    await host.over(next)
    expect(host.outcome(next)).toBe(JobOutcome.VALUE)
  })

  it('AS-09 tells what waits that no thread will ever take it', async () => {
    const { queue, free } = await host.blocked()
    const waiting = [host.add(queue, host.target), host.add(queue, host.target)]
    host.remove(1, true)
    await host.over(...waiting)
    expect(waiting.map((handle) => host.outcome(handle))).toEqual([JobOutcome.WEDGED, JobOutcome.WEDGED])
    const another = host.add(queue, host.target)
    await host.over(another)
    expect(host.outcome(another)).toBe(JobOutcome.WEDGED)
    free()
    await host.over(1)
    const good = host.add(queue, host.target)
    await host.over(good)
    expect(host.outcome(good)).toBe(JobOutcome.VALUE)
  })
})

describe('workers of the js backend that end', () => {
  it('TP-20 fails what ran, keeps what had not begun in its order, and asks for another', async () => {
    const { queue } = await host.blocked()
    const waiting = count(5).map((n) => host.add(queue, host.target, `${n}`))
    await host.until(() => host.backlog(queue) === 5)
    worker().end()
    await host.over(1, ...waiting)
    expect(host.outcome(1)).toBe(JobOutcome.WORKER_DIED)
    expect(host.starts).toEqual(['block', '0', '1', '2', '3', '4'])
    expect(host.started).toBe(2)
  })

  it('TP-20 takes jobs that stood in line back from a dead worker', async () => {
    const queue = host.create()
    const handles: number[] = []
    let lost = ''
    let inLine = 0
    host.behaviour = (run, at) => {
      inLine = at.claims.filter((cell) => cell === Claim.GIVEN).length
      if (lost === '' && inLine > 2) {
        lost = run.text
        expect(host.stat(queue, JobStat.INFLIGHT)).toBe(1)
        expect(host.stat(queue, JobStat.BACKLOG)).toBeGreaterThanOrEqual(inLine)
        at.end()
      } else run.answer()
    }
    // When they are short enough for that is up to the machine.
    while (lost === '') {
      for (let n = 0; n < 100; n++) handles.push(host.add(queue, host.target, `${handles.length}`))
      await host.over(...handles)
    }
    const died = handles.filter((handle) => host.outcome(handle) !== JobOutcome.VALUE)
    expect(died).toEqual([handles[Number(lost)]])
    expect(host.outcome(died[0]!)).toBe(JobOutcome.WORKER_DIED)
    expect(host.starts).toEqual(handles.map((_, at) => `${at}`))
  })

  it('hears what a worker answered before it ended', async () => {
    const queue = host.create()
    host.behaviour = (run, dying) => {
      run.answer('last words')
      setImmediate(() => dying.end())
    }
    const handle = host.add(queue, host.target)
    await host.over(handle)
    expect(host.done.get(handle)?.text).toBe('last words')
  })

  it('says so when no worker can be started', async () => {
    host.canStart = false
    const queue = host.create()
    const handles = count(3).map(() => host.add(queue, host.target))
    await host.over(...handles)
    expect(handles.map((handle) => host.outcome(handle))).toEqual(count(3).map(() => JobOutcome.NO_THREAD))
    host.canStart = true
    const good = host.add(queue, host.target)
    await host.over(good)
    expect(host.outcome(good)).toBe(JobOutcome.VALUE)
  })

  it('gives a bound job to its worker alone, and fails it when that is gone', async () => {
    const queue = host.create({ desired: 2 })
    const open = hold()
    host.add(queue, host.target, 'a')
    host.add(queue, host.target, 'b')
    await host.until(() => open.length === 2)
    const [first, second] = [...host.workers]
    const bound = host.add(queue, host.target, 'bound', { flags: JobFlag.BOUND, worker: first!.id })
    const lost = host.add(queue, host.target, 'lost', { flags: JobFlag.BOUND, worker: second!.id })
    await host.until(() => host.backlog(queue) === 2)
    second!.end()
    await host.over(lost)
    expect(host.outcome(lost)).toBe(JobOutcome.WORKER_DIED)
    const by = new Map<string, number>()
    host.behaviour = (run, at) => {
      by.set(run.text, at.id)
      run.answer()
    }
    for (const run of open) run.answer()
    await host.over(bound)
    expect(by.get('bound')).toBe(first!.id)
    const never = host.add(queue, host.target, '', { flags: JobFlag.BOUND, worker: 999 })
    await host.over(never)
    expect(host.outcome(never)).toBe(JobOutcome.WORKER_DIED)
  })

  it('AS-01 runs the cleanup of a bound job elsewhere, and of one that nobody waits for any more', async () => {
    const queue = host.create()
    const open = hold()
    host.add(queue, host.target, 'first')
    await host.until(() => open.length === 1)
    const bound = host.add(queue, host.target, 'bound', {
      flags: JobFlag.BOUND | JobFlag.PHASED,
      worker: worker().id,
    })
    open.pop()!.answer()
    await host.until(() => open.length === 1)
    worker().end()
    await host.until(() => host.backlog(queue) === 1)
    expect(host.queues.dropWaiting(queue, false)).toBe(0)
    await host.until(() => open.length === 2)
    expect(open[1]!.flags & JobFlag.SKIP_WORK).toBe(JobFlag.SKIP_WORK)
    open[1]!.answer()
    await host.over(bound)
    expect(host.outcome(bound)).toBe(JobOutcome.WORKER_DIED)
    expect(host.stat(queue, JobStat.BACKLOG)).toBe(0)
  })

  it('ends a job whose cleanup is owed where there will be no thread for it', async () => {
    const queue = host.create()
    const open = hold()
    const phased = host.add(queue, host.target, '', { flags: JobFlag.PHASED })
    await host.until(() => open.length === 1)
    host.canStart = false
    worker().end()
    await host.over(phased)
    expect(host.outcome(phased)).toBe(JobOutcome.WORKER_DIED)
  })

  it('skips a bound job whose deadline has passed', async () => {
    const { queue, free } = await host.blocked()
    const order = { flags: JobFlag.BOUND, worker: worker().id, deadline: host.port.now - 1 }
    const late = host.add(queue, host.target, 'late', order)
    free()
    await host.over(late)
    expect(host.outcome(late)).toBe(JobOutcome.TIMED_OUT)
    expect(host.starts).toEqual(['block'])
    expect(host.stat(queue, JobStat.TIMEOUTS)).toBe(1)
  })

  it('ends what waits when the loop that made the queue does', async () => {
    const other = new Host()
    const { queue } = await other.blocked()
    const handle = other.add(queue, other.target)
    await other.until(() => other.backlog(queue) === 1)
    other.finish()
    expect(other.done.has(handle)).toBe(false)
    expect(other.queues.jobs(queue)).toEqual([])
  })
})

describe('jobs that depend on jobs, on the js backend', () => {
  it('AS-06 A-AS-7 tells of a job when all that depend on it are complete', async () => {
    const queue = host.create({ desired: 2 })
    const children: number[] = []
    const told: number[] = []
    host.behaviour = (run, at) => {
      if (run.text === 'parent') {
        for (let n = 0; n < 3; n++)
          children.push(
            at.add(queue, host.target, `child ${n}`, { parent: run.run, flags: JobFlag.COMPLETES }),
          )
        run.answer()
      } else if (run.text === 'child 1') {
        at.add(queue, host.target, 'grandchild', { parent: run.run })
        run.answer()
      } else run.answer()
    }
    const parent = host.add(queue, host.target, 'parent')
    await host.until(() => worker() !== undefined && host.starts.includes('grandchild'))
    const submitter = [...host.workers].find((one) => one.done.size > 0) ?? worker()
    await host.until(() => children.every((child) => submitter.done.has(child)))
    await host.passes(3)
    expect(host.done.has(parent)).toBe(false)
    for (const child of children) {
      told.push(host.done.size)
      submitter.port.push1(Out.JOB_COMPLETED, child)
    }
    await host.over(parent)
    expect(told).toEqual([0, 0, 0])
  })

  it('AS-06 tells of a job when its dependents have been told of in their isolate, where nothing completes them', async () => {
    const queue = host.create()
    let child = 0
    host.behaviour = (run, at) => {
      if (run.text === 'parent') child = at.add(queue, host.target, 'child', { parent: run.run })
      run.answer()
    }
    for (let round = 0; round < 20; round++) {
      const parent = host.add(queue, host.target, 'parent')
      let wasTold = false
      host.told = () => {
        wasTold = worker().done.has(child)
      }
      await host.over(parent)
      expect(wasTold).toBe(true)
    }
  })

  it('AS-06 forgets dependents whose submitter is gone', async () => {
    const queue = host.create({ desired: 1 })
    host.behaviour = (run, at) => {
      if (run.text === 'parent')
        at.add(queue, host.target, 'child', { parent: run.run, flags: JobFlag.COMPLETES })
      run.answer()
    }
    const parent = host.add(queue, host.target, 'parent')
    await host.until(() => worker()?.done.size === 1)
    expect(host.done.has(parent)).toBe(false)
    worker().end()
    await host.over(parent)
    expect(host.outcome(parent)).toBe(JobOutcome.VALUE)
  })

  it('AS-06 counts dependents in queues of the worker itself', async () => {
    const queue = host.create()
    let child = 0
    host.behaviour = (run, at) => {
      if (run.text !== 'parent') return run.answer()
      const native = at.queues.create(at.engine.loopId, { ...SPEC, kind: JobQueueKind.NATIVE })
      const nothing = at.queues.target('native:', 'heddle:nothing')
      child = at.add(native, nothing, '', { parent: run.run, flags: JobFlag.COMPLETES })
      run.answer()
    }
    const parent = host.add(queue, host.target, 'parent')
    await host.until(() => child > 0 && worker().done.has(child))
    await host.passes(3)
    expect(host.done.has(parent)).toBe(false)
    worker().port.push1(Out.JOB_COMPLETED, child)
    await host.over(parent)
  })

  it('JQ-13 AS-06 is drained when what depends on its jobs is complete as well', async () => {
    const queue = host.create()
    let child = 0
    let native = 0
    host.behaviour = (run, at) => {
      native = at.queues.create(at.engine.loopId, { ...SPEC, kind: JobQueueKind.NATIVE })
      const nothing = at.queues.target('native:', 'heddle:nothing')
      child = at.add(native, nothing, '', { parent: run.run, flags: JobFlag.COMPLETES })
      run.answer()
    }
    const parent = host.add(queue, host.target, 'parent')
    await host.until(() => child > 0 && worker().done.has(child))
    const submitter = worker()
    let toldFirst = 0
    host.told = () => {
      toldFirst = host.drained.length
    }
    expect(host.queues.drain(queue, host.engine.loopId, 7)).toBe(0)
    await host.passes(3)
    expect([host.drained, submitter.hasLeft]).toEqual([[], false])
    submitter.port.push1(Out.JOB_COMPLETED, child)
    await host.until(() => host.drained.length === 1)
    expect(host.outcome(parent)).toBe(JobOutcome.VALUE)
    expect(toldFirst).toBe(0)
  })

  it('JQ-13 lets a worker stay until what it submitted is complete', async () => {
    const queue = host.create()
    let child = 0
    host.behaviour = (run, at) => {
      if (run.text === 'parent')
        child = at.add(queue, host.target, 'child', { parent: run.run, flags: JobFlag.COMPLETES })
      run.answer()
    }
    const parent = host.add(queue, host.target, 'parent')
    await host.until(() => child > 0 && worker().done.has(child))
    const submitter = worker()
    host.queues.drain(queue, host.engine.loopId, 7)
    await host.passes(3)
    expect([host.drained, submitter.hasLeft]).toEqual([[], false])
    submitter.port.push1(Out.JOB_COMPLETED, child)
    await host.until(() => host.drained.length === 1)
    expect([host.outcome(parent), submitter.hasLeft]).toEqual([JobOutcome.VALUE, true])
  })

  it('AS-06 keeps a worker that is one too many until what it submitted is complete', async () => {
    const queue = host.create({ desired: 2 })
    const open = hold()
    host.add(queue, host.target, 'parent')
    host.add(queue, host.target, 'other')
    await host.until(() => open.length === 2)
    const [submitter] = host.workers
    const parent = open.find(
      (run) => submitter!.running.has(run.run) && run === submitter!.running.get(run.run),
    )!
    const child = submitter!.add(queue, host.target, 'child', {
      parent: parent.run,
      flags: JobFlag.COMPLETES,
    })
    parent.answer()
    await host.until(() => open.length === 3)
    host.queues.configure(queue, { desired: 1 })
    const late = host.add(queue, host.target, 'late')
    host.peak = 0
    for (const run of open.splice(0)) if (run !== parent) run.answer()
    await host.until(() => submitter!.done.has(child))
    await host.until(() => open.length === 1)
    await host.passes(3)
    expect(host.peak).toBe(1)
    submitter!.port.push1(Out.JOB_COMPLETED, child)
    open[0]!.answer()
    await host.over(late, 1, 2)
    await host.until(() => host.workers.size === 1)
  })

  it('JQ-06 lets workers try within the same limit', async () => {
    const queue = host.create({ maxBacklog: 1 })
    const tries: number[] = []
    host.behaviour = (run, at) => {
      if (run.text === 'parent') tries.push(at.jobs.reserve(queue), at.jobs.reserve(queue))
      run.answer()
    }
    const parent = host.add(queue, host.target, 'parent')
    await host.over(parent)
    expect(tries).toEqual([0, -errno.EAGAIN])
    expect(host.jobs.reserve(queue)).toBe(-errno.EAGAIN)
    expect(worker().jobs.unreserve(queue)).toBe(0)
    expect(host.jobs.reserve(queue)).toBe(0)
    host.jobs.unreserve(queue)
  })
})

describe('jobs in line at a worker of the js backend', () => {
  it('takes them back for removal, for pause, and when what runs waits for something', async () => {
    const queue = host.create()
    await host.over(...count(200).map(() => host.add(queue, host.target)))
    host.starts.length = 0
    const open = hold()
    const handles = count(10).map((n) => host.add(queue, host.target, `${n}`))
    await host.until(() => open.length === 1)
    // It has not answered: so it waits for something, and the rest goes back.
    await host.until(() => ![...worker().claims].includes(Claim.GIVEN))
    host.remove(handles[4]!)
    await host.over(handles[4]!)
    expect(host.outcome(handles[4]!)).toBe(JobOutcome.REMOVED)
    host.queues.configure(queue, { paused: true })
    open.shift()!.answer()
    await host.over(handles[0]!)
    expect(host.starts).toEqual(['0'])
    host.behaviour = (run) => run.answer()
    host.queues.configure(queue, { paused: false })
    await host.over(...handles)
    expect(host.starts).toEqual(['0', '1', '2', '3', '5', '6', '7', '8', '9'])
  })

  it('hands half of them to a thread that has nothing', async () => {
    const queue = host.create({ desired: 2 })
    await host.over(...count(400).map(() => host.add(queue, host.target)))
    const by = new Map<number, number>()
    host.behaviour = (run, at) => {
      by.set(at.id, (by.get(at.id) ?? 0) + 1)
      run.answer()
    }
    await host.over(...count(400).map(() => host.add(queue, host.target)))
    expect([...by.values()].reduce((sum, n) => sum + n)).toBe(400)
    expect(by.size).toBe(2)
  })
})
