import { describe, expect, it } from 'vitest'
import { EarlyResults } from '../../lib/jobq/early-results'

describe('results that come before their records', () => {
  it('are given once, to who names them', () => {
    const early = new EarlyResults()
    early.began()
    early.put(1, 7, 'of one')
    early.put(2, 7, undefined)
    expect(early.take(1, 8)).toBe(undefined)
    expect(early.take(1, 7)).toMatchObject({ value: 'of one' })
    expect(early.take(1, 7)).toBe(undefined)
    expect(early.take(2, 7)).toMatchObject({ value: undefined })
    expect(early.size).toBe(0)
  })

  it('are not kept where no job is under way', () => {
    const early = new EarlyResults()
    early.put(1, 1, 'late')
    early.ended(early.began())
    early.put(1, 2, 'late')
    expect(early.size).toBe(0)
  })

  it('stay while a job is under way that was so when they came, and no longer', () => {
    const early = new EarlyResults()
    const first = early.began()
    const second = early.began()
    early.put(1, 1, 'wanted')
    for (let n = 0; n < 10; n++) early.ended(early.began())
    early.ended(first)
    for (let n = 0; n < 10; n++) early.ended(early.began())
    expect(early.size, 'the second goes on').toBe(1)
    early.ended(second)
    expect(early.size).toBe(0)
  })

  it('go away though there is always some job', () => {
    const early = new EarlyResults()
    let before = early.began()
    let most = 0
    for (let n = 0; n < 1000; n++) {
      const next = early.began()
      early.put(1, n, 'late')
      early.ended(before)
      before = next
      most = Math.max(most, early.size)
    }
    expect(most).toBeLessThan(5)
    early.ended(before)
    expect(early.size).toBe(0)
  })

  it('of ended queues are forgotten', () => {
    const early = new EarlyResults()
    early.began()
    early.put(1, 1, 'x')
    early.clear()
    expect(early.size).toBe(0)
  })
})
