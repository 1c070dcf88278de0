import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks'
import { ownerSource } from './owner-source'

/** What makes somebody an owner of sections. */
export type OwnerKind = 'flow' | 'explicit' | 'coroutine' | 'worker'

/** Somebody that locks are held by. Compare with ===; nothing can be done with it but to pass it as `owner`. (CX-06) */
export class OwnerToken {
  /** @internal How many locks it holds and waits for; a flow that has none left is over. */
  uses = 0
  /** @internal A flow's: the flow itself was seen behind the await that gave it the lock. */
  seen = false
  /** @internal Its commit, while that runs. */
  commit: Promise<unknown> | undefined

  /** @internal */
  constructor(
    /** Counted from 1 in each isolate. */
    readonly id: number,
    readonly kind: OwnerKind,
  ) {}

  toString(): string {
    return `${this.kind} ${this.id}`
  }
}

/** What an async context carries. */
interface Mark {
  readonly token: OwnerToken
  /** `guess`: set where the lock was asked for, which a caller and what it calls next see as well. */
  readonly is: 'explicit' | 'guess' | 'sure' | 'commit'
  /** The coroutine that it was set in: a mark that a coroutine inherited is not its own. */
  readonly within: object | undefined
  /** Of a guess: what ran, and whether it still does. */
  readonly asyncId: number
  stillRuns: boolean
}

/**
 * Whose locks these are: libmtev says the thread's, or the coroutine's; here all of an isolate's work shares a thread,
 * so it is, in this order,
 * 1. what the caller passes,
 * 2. what `run` (`asOwner`) opened round the call,
 * 3. the coroutine that runs,
 * 4. the async flow that asks: made when it takes its first section, over when it has none left.
 *
 * The fourth needs care. A function that asks for a lock cannot tell its own continuation from its caller's: an async
 * context that is set before an await is seen by both, and in Node 20 by whatever else runs on the same resource, which
 * for callbacks of a server is everything. So the mark that is set then is a guess. It does not count
 * - in the same run of code, where a second call is most likely another flow's start;
 * - on the same resource, where contexts stay on resources;
 * - once the flow was seen: when it first touches its section, behind its await, in a context of its own, it gets a mark
 *   that is sure (`using` touches at once), and whoever else carries the guess is another flow;
 * - when its token holds nothing any more.
 * What a flow starts while it holds a section is taken for a part of it, as in every inherited context. Whoever wants it
 * otherwise opens an owner.
 *
 * The storage costs every promise of the isolate about 100 ns in Node 20; the first section switches it on. One an
 * isolate and store.
 */
export class Owners {
  #storage: AsyncLocalStorage<Mark> | undefined
  #staysOnResources = false
  readonly #coroutines = new WeakMap<object, OwnerToken>()
  #lastId = 0

  /** A token for somebody who is known by other means, such as a worker thread. */
  create(kind: OwnerKind): OwnerToken {
    return new OwnerToken(++this.#lastId, kind)
  }

  /** The owner of the running code; undefined: a flow that has no section. */
  find(): OwnerToken | undefined {
    const within = ownerSource.current?.()
    const mark = this.#storage?.getStore()
    // What a commit calls belongs to it, a coroutine too: it could not wait for the lock that the commit holds.
    if (mark && (mark.within === within || mark.is === 'commit') && this.#counts(mark)) return mark.token
    return within && this.#coroutines.get(within)
  }

  /** The owner of the running code, made where there is none. */
  current(): OwnerToken {
    const known = this.find()
    if (known) return known
    const within = ownerSource.current?.()
    if (within) {
      const token = this.create('coroutine')
      this.#coroutines.set(within, token)
      return token
    }
    const token = this.create('flow')
    const mark: Mark = { token, is: 'guess', within, asyncId: executionAsyncId(), stillRuns: true }
    this.#opened().enterWith(mark)
    queueMicrotask(() => {
      mark.stillRuns = false
    })
    return token
  }

  /** Called behind the await that gave a section to its flow. */
  see(token: OwnerToken): void {
    if (token.seen || token.kind !== 'flow') return
    const mark = this.#storage?.getStore()
    if (!mark || mark.token !== token || mark.is !== 'guess' || this.#isStart(mark)) return
    token.seen = true
    this.#storage?.enterWith({ ...mark, is: 'sure' })
  }

  /** Runs a function as an owner of its own, with what it starts. */
  run<R>(body: () => R): R {
    return this.#runAs(this.create('explicit'), 'explicit', body)
  }

  /** Runs the commit of an owner's changes: what it calls may read as the owner, and must not wait for the commit. */
  runCommit<R>(token: OwnerToken, body: () => R): R {
    return this.#runAs(token, 'commit', body)
  }

  /** Whether the running code is called by the commit of this owner. */
  isInCommit(token: OwnerToken): boolean {
    const mark = this.#storage?.getStore()
    return mark?.is === 'commit' && mark.token === token && token.commit !== undefined
  }

  #runAs<R>(token: OwnerToken, is: 'explicit' | 'commit', body: () => R): R {
    const within = ownerSource.current?.()
    return this.#opened().run({ token, is, within, asyncId: 0, stillRuns: false }, body)
  }

  #counts(mark: Mark): boolean {
    if (mark.is === 'explicit') return true
    if (mark.is === 'commit') return mark.token.commit !== undefined
    if (mark.token.uses === 0) return false
    return mark.is === 'sure' || (!mark.token.seen && !this.#isStart(mark))
  }

  /** Whether the running code is what set this mark, or runs where it was left behind. */
  #isStart(mark: Mark): boolean {
    return mark.stillRuns || (this.#staysOnResources && executionAsyncId() === mark.asyncId)
  }

  #opened(): AsyncLocalStorage<Mark> {
    if (this.#storage) return this.#storage
    this.#storage = new AsyncLocalStorage<Mark>()
    this.#staysOnResources = staysOnResources(this.#storage)
    return this.#storage
  }
}

/** How contexts work here: on resources (Node 20 and 22), or in frames that end with their callback (24). */
function staysOnResources(storage: AsyncLocalStorage<Mark>): boolean {
  const resource = new AsyncResource('heddle.owners')
  const token = new OwnerToken(0, 'flow')
  const mark: Mark = { token, is: 'guess', within: undefined, asyncId: 0, stillRuns: false }
  resource.runInAsyncScope(() => storage.enterWith(mark))
  return resource.runInAsyncScope(() => storage.getStore()) === mark
}
