import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LockMode, SectionLock } from '../../lib/config/lock'
import type { HeddleError } from '../../lib/errors'
import { codeOf } from '../thrown'

/** What became of a request. */
interface Request {
  readonly owner: string
  readonly mode: LockMode
  state: 'waits' | 'granted' | 'left' | string
  leave: () => boolean
}

function ask(lock: SectionLock<string>, owner: string, mode: LockMode): Request {
  const request: Request = { owner, mode, state: 'waits', leave: () => false }
  const once = (state: string): void => {
    expect(request.state).toBe('waits')
    request.state = state
  }
  request.leave = lock.enter(
    owner,
    mode,
    () => once('granted'),
    (error) => once((error as HeddleError).code),
  )
  return request
}

describe('the lock of the sections', () => {
  it('CX-01 lets readers in together and a writer alone', () => {
    const lock = new SectionLock<string>()
    const readers = ['a', 'b', 'c'].map((owner) => ask(lock, owner, 'read'))
    const writer = ask(lock, 'w', 'write')
    const later = ask(lock, 'd', 'read')
    expect(readers.map(({ state }) => state)).toEqual(['granted', 'granted', 'granted'])
    expect(lock.counts).toEqual({ readers: 3, writer: undefined, waitingReaders: 1, waitingWriters: 1 })
    for (const { owner } of readers) {
      expect(writer.state).toBe('waits')
      lock.leave(owner, 'read')
    }
    expect([writer.state, later.state]).toEqual(['granted', 'waits'])
    lock.leave('w', 'write')
    expect(later.state).toBe('granted')
  })

  it('CX-03 CX-04 is recursive, and a write serves as a read', () => {
    const lock = new SectionLock<string>()
    const own = (['write', 'read', 'write', 'read'] as const).map((mode) => ask(lock, 'a', mode))
    expect(own.map(({ state }) => state)).toEqual(Array(4).fill('granted'))
    const other = ask(lock, 'b', 'read')
    lock.leave('a', 'read')
    lock.leave('a', 'write')
    lock.leave('a', 'read')
    expect(other.state).toBe('waits')
    lock.leave('a', 'write')
    expect(other.state).toBe('granted')
    expect(lock.holdOf('a')).toBeUndefined()
  })

  it('CX-04 goes on as a reader where reads outlive the write they began in', () => {
    const lock = new SectionLock<string>()
    ask(lock, 'a', 'write')
    ask(lock, 'a', 'read')
    const reader = ask(lock, 'b', 'read')
    const writer = ask(lock, 'c', 'write')
    lock.leave('a', 'write')
    expect([reader.state, writer.state]).toEqual(['granted', 'waits'])
    expect(ask(lock, 'a', 'write').state).toBe('ERR_LOCK_UPGRADE')
    lock.leave('a', 'read')
    lock.leave('b', 'read')
    expect(writer.state).toBe('granted')
  })

  it('CX-05 refuses an upgrade at once, also of a read that still waits', () => {
    const lock = new SectionLock<string>()
    ask(lock, 'a', 'read')
    expect(ask(lock, 'a', 'write').state).toBe('ERR_LOCK_UPGRADE')
    expect(codeOf(() => lock.tryEnter('a', 'write'))).toBe('ERR_LOCK_UPGRADE')
    expect(lock.holdOf('a')).toEqual({ reads: 1, writes: 0 })
    const writer = ask(lock, 'w', 'write')
    const read = ask(lock, 'b', 'read')
    const write = ask(lock, 'b', 'write')
    lock.leave('a', 'read')
    lock.leave('w', 'write')
    expect([writer.state, read.state, write.state]).toEqual(['granted', 'granted', 'ERR_LOCK_UPGRADE'])
  })

  it('CX-07 lets a reader in again past a writer that waits', () => {
    const lock = new SectionLock<string>()
    ask(lock, 'r', 'read')
    const writer = ask(lock, 'w', 'write')
    expect(ask(lock, 'n', 'read').state).toBe('waits')
    expect(ask(lock, 'r', 'read').state).toBe('granted')
    expect(writer.state).toBe('waits')
  })

  it('CX-07 grants all that an owner waits for once it holds: it does not wait for itself', () => {
    const lock = new SectionLock<string>()
    ask(lock, 'x', 'write')
    const first = ask(lock, 'a', 'read')
    const between = ask(lock, 'b', 'write')
    const second = ask(lock, 'a', 'read')
    const write = ask(lock, 'c', 'write')
    const read = ask(lock, 'c', 'read')
    lock.leave('x', 'write')
    expect([first.state, between.state, second.state]).toEqual(['granted', 'waits', 'granted'])
    lock.leave('a', 'read')
    lock.leave('a', 'read')
    lock.leave('b', 'write')
    expect([write.state, read.state]).toEqual(['granted', 'granted'])
  })

  it('CX-01 lets those behind in when a writer gives up waiting', () => {
    const lock = new SectionLock<string>()
    ask(lock, 'r', 'read')
    const writer = ask(lock, 'w', 'write')
    const readers = ['a', 'b'].map((owner) => ask(lock, owner, 'read'))
    expect(writer.leave()).toBe(true)
    expect(readers.map(({ state }) => state)).toEqual(['granted', 'granted'])
    expect(writer.leave()).toBe(false)
  })

  it('CX-01 A-CX-6 refuses to give back what is not held', () => {
    const lock = new SectionLock<string>()
    expect(codeOf(() => lock.leave('a', 'read'))).toBe('ERR_LOCK_NOT_HELD')
    ask(lock, 'a', 'read')
    expect(codeOf(() => lock.leave('a', 'write'))).toBe('ERR_LOCK_NOT_HELD')
    expect(codeOf(() => lock.leave('b', 'read'))).toBe('ERR_LOCK_NOT_HELD')
    lock.leave('a', 'read')
    expect(codeOf(() => lock.leave('a', 'read'))).toBe('ERR_LOCK_NOT_HELD')
  })

  it('CX-01 CX-03 CX-05 CX-07 keeps its word whatever random owners do', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(99), fc.nat(4)), { maxLength: 120 }), (steps) => {
        const play = new Play()
        for (const [what, who] of steps) play.step(what, `o${who}`)
        play.finish()
      }),
      { numRuns: 400 },
    )
  })
})

/** Owners that do what chance says, and what must hold whatever they do. */
class Play {
  readonly #lock = new SectionLock<string>()
  readonly #requests: Request[] = []

  step(what: number, owner: string): void {
    const before = this.#requests.filter(({ state }) => state === 'waits')
    if (what < 35) this.#ask(owner, 'read')
    else if (what < 60) this.#ask(owner, 'write')
    else if (what < 90) this.#release(owner, what % 2 === 0 ? 'read' : 'write')
    else this.#giveUp(owner)
    this.#check(before)
  }

  /** Everybody gives back what they have; then nobody may wait. */
  finish(): void {
    for (;;) {
      const held = this.#requests.find(({ state }) => state === 'granted')
      if (!held) break
      this.#release(held.owner, held.mode)
    }
    expect(this.#requests.filter(({ state }) => state === 'waits')).toEqual([])
    expect(this.#lock.counts).toEqual({ readers: 0, writer: undefined, waitingReaders: 0, waitingWriters: 0 })
  }

  #ask(owner: string, mode: LockMode): void {
    const hold = this.#lock.holdOf(owner)
    const line = this.#requests.filter(({ state }) => state === 'waits')
    const request = ask(this.#lock, owner, mode)
    this.#requests.push(request)
    if (hold && hold.writes === 0 && mode === 'write') expect(request.state).toBe('ERR_LOCK_UPGRADE')
    else if (hold) expect(request.state).toBe('granted')
    // Nobody passes those who wait.
    else if (line.length > 0) expect(request.state).toBe('waits')
  }

  #release(owner: string, mode: LockMode): void {
    const held = this.#requests.find(
      (request) => request.owner === owner && request.mode === mode && request.state === 'granted',
    )
    if (!held) {
      expect(codeOf(() => this.#lock.leave(owner, mode))).toBe('ERR_LOCK_NOT_HELD')
      return
    }
    held.state = 'released'
    this.#lock.leave(owner, mode)
  }

  #giveUp(owner: string): void {
    const waiting = this.#requests.find((request) => request.owner === owner && request.state === 'waits')
    if (!waiting) return
    // Set first: whoever is let in by this must not find it still waiting.
    waiting.state = 'left'
    expect(waiting.leave()).toBe(true)
  }

  #check(before: readonly Request[]): void {
    const held = this.#requests.filter(({ state }) => state === 'granted')
    const writers = new Set(held.filter(({ mode }) => mode === 'write').map(({ owner }) => owner))
    if (writers.size > 0) expect(new Set(held.map(({ owner }) => owner)).size).toBe(1)
    for (const { owner } of held) {
      const own = held.filter((request) => request.owner === owner)
      expect(this.#lock.holdOf(owner)).toEqual({
        reads: own.filter(({ mode }) => mode === 'read').length,
        writes: own.filter(({ mode }) => mode === 'write').length,
      })
      // An owner that holds waits for nothing.
      expect(this.#requests.filter((r) => r.owner === owner && r.state === 'waits')).toEqual([])
    }
    this.#checkLine(before, held)
  }

  /** Whoever waits has a reason, and the line is served from its head, but for what an admitted owner brings along. */
  #checkLine(before: readonly Request[], held: readonly Request[]): void {
    const [head] = this.#requests.filter(({ state }) => state === 'waits')
    if (head) {
      const inTheWay = held.filter(({ mode }) => head.mode === 'write' || mode === 'write')
      expect(inTheWay.length).toBeGreaterThan(0)
    }
    const stillThere = before.findIndex(({ state }) => state === 'waits')
    if (stillThere < 0) return
    const passed = before.slice(stillThere).filter(({ state }) => state === 'granted')
    const ahead = new Set(before.slice(0, stillThere).map(({ owner }) => owner))
    for (const { owner } of passed) expect(ahead.has(owner)).toBe(true)
  }
}
