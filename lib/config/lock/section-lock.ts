import { HeddleError } from '../../errors'

/** Shared or exclusive. */
export type LockMode = 'read' | 'write'

/** What an owner has: how often it took the lock in each mode. */
export interface Hold {
  reads: number
  writes: number
}

interface Waiter<O> {
  readonly owner: O
  readonly mode: LockMode
  readonly granted: () => void
  readonly ended: (error: unknown) => void
}

/** How things stand. Owners count once in `readers`, whatever their depth, and not while they write. */
export interface LockCounts<O> {
  readonly readers: number
  readonly writer: O | undefined
  readonly waitingReaders: number
  readonly waitingWriters: number
}

/**
 * One lock, shared or exclusive, recursive by owner. An owner is any value that is equal to itself; who it is, is not
 * decided here. Everything is synchronous; promises stand in front of it (`waiting.ts`).
 *
 * What holds after every call:
 * - a writer is alone: nobody else holds the lock in any mode;
 * - an owner that holds it in a mode that serves (write serves as read) gets it again at once, whoever waits: it could
 *   not give it back while it waited for itself;
 * - everybody else stands in one line, in the order of arrival, and the head of the line waits for somebody who holds:
 *   so a waiting writer blocks new readers, and readers that wait block a later writer, and nobody starves;
 * - what an owner has in the line is settled as soon as it holds the lock: granted, or, for a write behind a read,
 *   ended with ERR_LOCK_UPGRADE. An owner that waits for two things at once does not wait for itself.
 *
 * There is no upgrade: two readers that both wait to write would wait for each other for ever. When an owner gives its
 * last write back and has reads left, it goes on as a reader.
 *
 * Thread rule: one isolate. (CX-01, CX-03, CX-04, CX-05, CX-07)
 */
export class SectionLock<O> {
  readonly #holds = new Map<O, Hold>()
  readonly #line = new Set<Waiter<O>>()
  /** How many places in the line an owner has, so that most grants need not look for them. */
  readonly #places = new Map<O, number>()
  #writer: O | undefined

  /** What an owner holds; undefined: nothing. The object is the lock's own. */
  holdOf(owner: O): Readonly<Hold> | undefined {
    return this.#holds.get(owner)
  }

  get counts(): LockCounts<O> {
    let waitingWriters = 0
    for (const { mode } of this.#line) if (mode === 'write') waitingWriters++
    return {
      readers: this.#writer === undefined ? this.#holds.size : 0,
      writer: this.#writer,
      waitingReaders: this.#line.size - waitingWriters,
      waitingWriters,
    }
  }

  /** Takes it at once or not at all. False: it would have to wait. ERR_LOCK_UPGRADE. */
  tryEnter(owner: O, mode: LockMode): boolean {
    const hold = this.#holds.get(owner)
    if (hold) {
      if (mode === 'write' && hold.writes === 0) throw upgrade()
      this.#take(owner, mode)
      return true
    }
    if (this.#line.size > 0 || !this.#isFree(mode)) return false
    this.#take(owner, mode)
    return true
  }

  /**
   * Takes it or stands in the line. One of the two functions is called once, at once where nobody is in the way;
   * `ended` with ERR_LOCK_UPGRADE, or what `abandon` says. What is returned leaves the line, true if it was still there.
   */
  enter(owner: O, mode: LockMode, granted: () => void, ended: (error: unknown) => void): () => boolean {
    const waiter = { owner, mode, granted, ended }
    try {
      if (this.tryEnter(owner, mode)) {
        granted()
        return () => false
      }
    } catch (error) {
      ended(error)
      return () => false
    }
    this.#line.add(waiter)
    this.#places.set(owner, (this.#places.get(owner) ?? 0) + 1)
    return () => {
      if (!this.#remove(waiter)) return false
      this.#advance()
      return true
    }
  }

  /** Gives one of the owner's locks of this mode back. ERR_LOCK_NOT_HELD. */
  leave(owner: O, mode: LockMode): void {
    const hold = this.#holds.get(owner)
    if (!hold || (mode === 'write' ? hold.writes : hold.reads) === 0)
      throw new HeddleError('ERR_LOCK_NOT_HELD', `this owner holds no ${mode} lock`)
    if (mode === 'read') hold.reads--
    else if (--hold.writes === 0) this.#writer = undefined
    if (hold.reads + hold.writes === 0) this.#holds.delete(owner)
    this.#advance()
  }

  #isFree(mode: LockMode): boolean {
    return mode === 'read' ? this.#writer === undefined : this.#holds.size === 0
  }

  #take(owner: O, mode: LockMode): void {
    let hold = this.#holds.get(owner)
    if (!hold) {
      hold = { reads: 0, writes: 0 }
      this.#holds.set(owner, hold)
    }
    if (mode === 'read') hold.reads++
    else {
      hold.writes++
      this.#writer = owner
    }
  }

  /** Lets in who is next, until the head of the line has to wait. */
  #advance(): void {
    for (;;) {
      const [head] = this.#line
      if (!head || !this.#isFree(head.mode)) return
      this.#admit(head)
    }
  }

  #admit(waiter: Waiter<O>): void {
    const { owner, mode } = waiter
    this.#remove(waiter)
    this.#take(owner, mode)
    const others = this.#places.has(owner) ? this.#waitersOf(owner) : []
    for (const other of others) this.#remove(other)
    const refused = mode === 'read' ? others.filter((other) => other.mode === 'write') : []
    const taken = others.filter((other) => !refused.includes(other))
    for (const other of taken) this.#take(owner, other.mode)
    // Only now that everything is settled: these call into code that may come back here.
    waiter.granted()
    for (const other of taken) other.granted()
    for (const other of refused) other.ended(upgrade())
  }

  #waitersOf(owner: O): Waiter<O>[] {
    return [...this.#line].filter((waiter) => waiter.owner === owner)
  }

  #remove(waiter: Waiter<O>): boolean {
    if (!this.#line.delete(waiter)) return false
    const places = (this.#places.get(waiter.owner) ?? 1) - 1
    if (places > 0) this.#places.set(waiter.owner, places)
    else this.#places.delete(waiter.owner)
    return true
  }
}

function upgrade(): HeddleError {
  return new HeddleError(
    'ERR_LOCK_UPGRADE',
    'this owner holds or awaits the lock for reading; release it before writing',
  )
}
