import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { HeddleError } from '../../lib/errors'
import { type AsynchEvent, Eventer, Mask } from '../../lib/eventer'
import type { JobQueues } from '../../lib/jobq'
import { backend, blocked, codeOf, failure, failureCode, of, settled, withJobqs } from './jobq-harness'

/** Runs on an eventer that is ended behind it. */
async function endedBehind(body: (jobqs: JobQueues) => void | Promise<void>): Promise<void> {
  const eventer = await Eventer.init({ backend })
  eventer.start()
  await body(eventer.jobqs)
  await eventer[Symbol.asyncDispose]()
}

/** Takes a second or more to compress, which nobody can hurry. */
const slow = () =>
  Buffer.from(
    randomBytes(1 << 20)
      .toString('base64')
      .repeat(16),
  )

const states = (jobqs: JobQueues) =>
  jobqs
    .list()
    .map((queue) => [queue.name, queue.stats().state])
    .sort()

describe('owners of queues', () => {
  it('JQ-13 an eventer may end in the middle of native functions: the next one has queues of the same names', async () => {
    let ends: Promise<unknown[]> = Promise.resolve([])
    await endedBehind(async (jobqs) => {
      const queue = jobqs.create('mine', { kind: 'native', floor: 1 })
      const data = slow()
      const runs = [jobqs.nativeJobs.gzip(data), jobqs.nativeJobs.gzip(data, { queue })]
      ends = Promise.all(runs.map(failureCode))
      await settled(() => queue.stats().inflight === 1 && jobqs.native.stats().inflight >= 1)
    })
    expect(await ends).toEqual(['ERR_JOBQ_SHUTDOWN', 'ERR_JOBQ_SHUTDOWN'])
    await withJobqs(async (jobqs) => {
      const crc = await jobqs.nativeJobs.crc32c('abc')
      expect(await jobqs.nativeJobs.crc32c('abc', { queue: jobqs.create('mine', { kind: 'native' }) })).toBe(
        crc,
      )
      expect(states(jobqs)).toEqual([
        ['default_native', 'open'],
        ['mine', 'open'],
      ])
      await settled(() => jobqs.native.stats().inflight === 0)
    })
  })

  it('JQ-13 what it has waiting in the native queue goes with an eventer, what runs for a moment is heard of', async () => {
    let ends: Promise<unknown[]> = Promise.resolve([])
    let threads = 0
    await endedBehind(async (jobqs) => {
      const { native, nativeJobs } = jobqs
      threads = native.desired
      native.setConcurrency(1)
      const short = nativeJobs.gzip(randomBytes(1 << 20))
      await settled(() => native.stats().inflight === 1)
      const waiting = Array.from({ length: 20 }, () => nativeJobs.crc32c('abc'))
      ends = Promise.all([short.then(() => 'done'), ...waiting.map(failureCode)])
    })
    expect(await ends).toEqual(['done', ...Array(20).fill('ERR_JOBQ_SHUTDOWN')])
    await withJobqs(({ native }) => {
      native.setConcurrency(threads)
      expect(native.stats()).toMatchObject({ backlog: 0, state: 'open' })
    })
  })

  it('JQ-13 [JQ-14] the native queue is nobody’s: it is there, and cannot be drained or destroyed', () =>
    withJobqs(async (jobqs) => {
      const { native } = jobqs
      expect(jobqs.get('default_native')).toBe(native)
      expect(jobqs.create('default_native', { kind: 'native', concurrency: 99 })).toBe(native)
      expect(native.desired).toBeGreaterThanOrEqual(4)
      expect(native.desired).not.toBe(99)
      expect(codeOf(() => jobqs.create('default_native', { kind: 'worker' }))).toBe('EINVAL')
      expect(await failureCode(native.drain())).toBe('EPERM')
      expect(native.isDraining).toBe(false)
      const unheard: unknown[] = []
      const hear = (error: unknown) => unheard.push(error)
      process.on('unhandledRejection', hear)
      expect((await failure(native.drain({ signal: AbortSignal.abort() }))).name).toBe('AbortError')
      await new Promise(setImmediate)
      process.off('unhandledRejection', hear)
      expect(unheard).toEqual([])
      expect(codeOf(() => native.destroy())).toBe('ERR_JOBQ_BUSY')
      expect(await native.run({ native: 'heddle:nothing' })).toMatchObject({ number: 0 })
    }))

  it('JQ-13 [JQ-01] what is drained, or about to be, is not given for use, and keeps its name until it is destroyed', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const drained = queue.drain()
      expect(jobqs.get('case')).toBe(undefined)
      expect(codeOf(() => jobqs.create('case'))).toBe('ERR_JOBQ_BUSY')
      expect(jobqs.list()).toContain(queue)
      await letGo()
      await drained
      expect(jobqs.get('case')).toBe(undefined)
      expect(codeOf(() => jobqs.create('case'))).toBe('ERR_JOBQ_BUSY')
      queue.destroy()
      await using again = jobqs.create('case')
      expect(await again.run(of('echo'), 1)).toBe(1)
    }))

  it('JQ-13 what any of its loops has waiting in the native queue goes with an eventer', async () => {
    const eventer = await Eventer.init({ backend, loops: 2 })
    eventer.start()
    const { native } = eventer.jobqs
    native.pause()
    const codes: unknown[] = []
    const complete = (event: AsynchEvent) => void codes.push((event.error as HeddleError).code)
    for (const owner of eventer.loops)
      eventer.addAsynch(
        eventer.asynch({ work: { native: 'heddle:nothing' }, complete: complete as never }, undefined, {
          owner,
        }),
      )
    await settled(() => native.stats().backlog === 2)
    await eventer[Symbol.asyncDispose]()
    expect(codes).toEqual(['ERR_JOBQ_SHUTDOWN', 'ERR_JOBQ_SHUTDOWN'])
    await withJobqs((jobqs) => {
      expect(jobqs.native.stats()).toMatchObject({ backlog: 0, paused: true })
      jobqs.native.resume()
    })
  })

  it.each(['native', 'worker'])(
    'JQ-13 AS-02 an event that is queued again and again ends with its eventer, %s',
    async (kind) => {
      const eventer = await Eventer.init({ backend })
      eventer.start()
      const reported: unknown[] = []
      eventer.on('error', (error) => reported.push(error))
      let rounds = 0
      const work = kind === 'native' ? { native: 'heddle:nothing' } : of('nothing')
      const complete = () => {
        rounds++
        return Mask.ASYNCH_WORK
      }
      eventer.addAsynch(eventer.asynch({ work, complete }))
      await settled(() => rounds > 10)
      await eventer[Symbol.asyncDispose]()
      expect(reported).toEqual([])
    },
  )

  it('JQ-13 a paused queue ends with its eventer all the same', async () => {
    let end: Promise<unknown> = Promise.resolve()
    await endedBehind(async (jobqs) => {
      const queue = jobqs.create('case')
      await queue.run(of('nothing'))
      queue.pause()
      end = failureCode(queue.run(of('nothing')))
    })
    expect(await end).toBe('ERR_JOBQ_SHUTDOWN')
    await withJobqs((jobqs) => expect(jobqs.get('case')).toBe(undefined))
  })
})
