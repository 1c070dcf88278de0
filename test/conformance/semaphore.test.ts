import { describe, expect, it } from 'vitest'
import { type HeddleError, Semaphore } from '../../lib'

const codeOf = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    return (error as HeddleError).code
  }
  return 'nothing was thrown'
}
const failure = (promise: Promise<unknown>): Promise<HeddleError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: HeddleError) => error,
  )

describe('semaphores', () => {
  it('LK-12 counts: permits are taken, given back, and never more than there are', async () => {
    const semaphore = new Semaphore(2)
    await semaphore.wait()
    expect(semaphore.tryWait()).toBe(true)
    expect([semaphore.tryWait(), semaphore.available, semaphore.waiting]).toEqual([false, 0, 0])
    semaphore.post()
    expect([semaphore.available, semaphore.tryWait(), semaphore.available]).toEqual([1, true, 0])
    semaphore.post(2)
    expect(semaphore.available).toBe(2)
  })

  it('LK-12 serves in the order of arrival, and nobody takes a permit that was posted for another', async () => {
    const semaphore = new Semaphore(0)
    const served: number[] = []
    const waits = [1, 2, 3, 4].map((n) => semaphore.wait().then(() => void served.push(n)))
    expect(semaphore.waiting).toBe(4)
    semaphore.post()
    expect([semaphore.tryWait(), semaphore.waiting]).toEqual([false, 3])
    semaphore.post(2)
    await Promise.all(waits.slice(0, 3))
    expect(served).toEqual([1, 2, 3])
    semaphore.post(3)
    await waits[3]
    expect([...served, semaphore.available]).toEqual([1, 2, 3, 4, 2])
  })

  it('LK-12 whoever gives up leaves the line, and the permit goes to the next', async () => {
    const semaphore = new Semaphore(0)
    const abort = new AbortController()
    const reason = new Error('enough')
    const late = semaphore.wait({ timeout: 1 })
    const aborted = semaphore.wait({ signal: abort.signal })
    const third = semaphore.wait({ timeout: 60_000, signal: new AbortController().signal })
    expect((await failure(late)).code).toBe('ETIME')
    abort.abort(reason)
    expect(await failure(aborted)).toBe(reason)
    expect(semaphore.waiting).toBe(1)
    semaphore.post()
    await third
    expect([semaphore.waiting, semaphore.available]).toEqual([0, 0])
  })

  it('LK-12 what is over at once takes no permit', async () => {
    const semaphore = new Semaphore(1)
    const reason = new Error('before')
    expect(await failure(semaphore.wait({ signal: AbortSignal.abort(reason) }))).toBe(reason)
    expect(semaphore.available).toBe(1)
    await semaphore.wait({ timeout: 0 })
    expect((await failure(semaphore.wait({ timeout: 0 }))).code).toBe('ETIME')
    expect(semaphore.waiting).toBe(0)
  })

  it('LK-12 an abort after the permit came changes nothing', async () => {
    const semaphore = new Semaphore(0)
    const abort = new AbortController()
    const wait = semaphore.wait({ signal: abort.signal })
    semaphore.post()
    abort.abort()
    await wait
    expect(semaphore.available).toBe(0)
  })

  it('LK-12 the end rejects who waits and who comes', async () => {
    const semaphore = new Semaphore(0)
    const waiting = semaphore.wait()
    semaphore[Symbol.dispose]()
    semaphore[Symbol.dispose]()
    expect((await failure(waiting)).code).toBe('ERR_CLOSED')
    expect((await failure(semaphore.wait())).code).toBe('ERR_CLOSED')
    expect([semaphore.tryWait(), semaphore.isClosed, codeOf(() => semaphore.post())]).toEqual([
      false,
      true,
      'ERR_CLOSED',
    ])
  })

  it('LK-12 refuses what makes no sense, and more permits than it may hold', async () => {
    for (const bad of [-1, 1.5, Number.NaN, '1', 2 ** 31])
      expect(codeOf(() => new Semaphore(bad as number))).toBe('ERR_INVALID_ARGUMENT')
    for (const bad of [{ max: 0 }, { max: 1.5 }, 5, null])
      expect(codeOf(() => new Semaphore(0, bad as never))).toBe('ERR_INVALID_ARGUMENT')
    const semaphore = new Semaphore(1, { max: 2 })
    for (const bad of [0, -1, 0.5, '1'])
      expect(codeOf(() => semaphore.post(bad as number))).toBe('ERR_INVALID_ARGUMENT')
    expect([codeOf(() => semaphore.post(2)), semaphore.available]).toEqual(['EOVERFLOW', 1])
    for (const bad of [{ timeout: -1 }, { timeout: '5' }, { signal: {} }, null])
      expect((await failure(semaphore.wait(bad as never))).code).toBe('ERR_INVALID_ARGUMENT')
    expect([semaphore.available, semaphore.waiting]).toEqual([1, 0])
  })
})
