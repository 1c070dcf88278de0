import {
  type AsyncMark,
  disuse,
  markContinuation,
  markOf,
  markWaiting,
  runMarked,
  unmarkWaiting,
  use,
} from './async-marks'
import { ownerSource } from './owner-source'

/** What makes somebody an owner of sections. */
export type OwnerKind = 'flow' | 'explicit' | 'coroutine' | 'worker'

/** Somebody that locks are held by. Compare with ===; nothing can be done with it but to pass it as `owner`. (CX-06) */
export class OwnerToken {
  /** Locks it holds and waits for. */
  #uses = 0
  /** The promise whose awaiter is this flow. */
  #waitedId = 0
  /** @internal Its commit, while that runs. */
  commit: Promise<unknown> | undefined

  /** @internal */
  constructor(
    /** Counted from 1 in each isolate. */
    readonly id: number,
    readonly kind: OwnerKind,
  ) {}

  /** @internal It holds nothing and waits for nothing: a flow is no owner any more. */
  get isIdle(): boolean {
    return this.#uses === 0
  }

  /** @internal It asks for a lock. */
  enter(): void {
    if (this.#uses++ === 0 && this.kind === 'flow') use()
  }

  /** @internal It has given the lock back, or has not got it. */
  leave(): void {
    if (--this.#uses > 0 || this.kind !== 'flow') return
    unmarkWaiting(this.#waitedId)
    disuse()
  }

  /** @internal */
  waitedBy(id: number): void {
    this.#waitedId = id
  }

  toString(): string {
    return `${this.kind} ${this.id}`
  }
}

/** That asynchronous work is done for an owner. */
class OwnerMark implements AsyncMark {
  constructor(
    readonly of: Owners,
    readonly token: OwnerToken,
    /** The coroutine that it was set in: a mark that a coroutine inherited is not its own. */
    readonly within: object | undefined,
    readonly outer: AsyncMark | undefined = undefined,
  ) {}

  get isOver(): boolean {
    return this.token.kind === 'flow' && this.token.isIdle
  }

  before(outer: AsyncMark | undefined): AsyncMark {
    return new OwnerMark(this.of, this.token, this.within, outer)
  }
}

/**
 * Whose locks these are: libmtev says the thread's, or the coroutine's; here all of an isolate's work shares a thread,
 * so it is, in this order,
 * 1. what the caller passes,
 * 2. what `run` (`asOwner`) opened round the call,
 * 3. the coroutine that runs,
 * 4. the async flow that asks: made when it takes its first section, over when it has none left.
 *
 * The fourth needs care: a flow that is taken for another shares its lock, and both lose what they write. So a flow is
 * known by two things only, and whoever else asks is another owner, who at worst waits:
 * - it is what awaits the promise of its section, so that what runs behind that await is the flow;
 * - it uses a section that the flow holds: somebody got it from a helper, and goes on in the flow's place, unless they
 *   are an owner by themselves.
 * What a flow starts while it holds a section is taken for a part of it, as in every inherited context. Whoever wants it
 * otherwise opens an owner.
 *
 * One for each store, in one isolate.
 */
export class Owners {
  readonly #coroutines = new WeakMap<object, OwnerToken>()
  #hasRun = false
  #lastId = 0

  /** A token for somebody who is known by other means, such as a worker thread. */
  create(kind: OwnerKind): OwnerToken {
    return new OwnerToken(++this.#lastId, kind)
  }

  /** The owner of the running code; undefined: a flow that has no section. */
  find(): OwnerToken | undefined {
    const within = ownerSource.current?.()
    const mark = markOf(this) as OwnerMark | undefined
    if (mark && mark.within === within && !mark.isOver) return mark.token
    return within && this.#coroutines.get(within)
  }

  /** The owner of the running code, made where there is none. */
  current(): OwnerToken {
    const known = this.find()
    if (known) return known
    const within = ownerSource.current?.()
    if (!within) return this.create('flow')
    const token = this.create('coroutine')
    this.#coroutines.set(within, token)
    return token
  }

  /** The promise of a section that a new flow has asked for: what awaits it is the flow. Others get it as it is. */
  awaited<T>(token: OwnerToken, promise: Promise<T>): Promise<T> {
    if (token.kind !== 'flow' || token.isIdle || this.find() === token) return promise
    const { waited, id } = markWaiting(new OwnerMark(this, token, undefined), promise)
    token.waitedBy(id)
    return waited
  }

  /** Called by what uses a section of this owner: whoever is no owner goes on in its place. */
  see(token: OwnerToken): void {
    if (token.kind !== 'flow' || token.isIdle || this.find() || ownerSource.current?.()) return
    markContinuation(new OwnerMark(this, token, undefined))
  }

  /** Runs a function as an owner of its own, with what it starts. */
  run<R>(body: () => R): R {
    // What it starts may ask at any time: from here on marks are needed for good.
    if (!this.#hasRun) use()
    this.#hasRun = true
    return runMarked(new OwnerMark(this, this.create('explicit'), ownerSource.current?.()), body)
  }
}
