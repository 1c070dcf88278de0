import { MessagePort } from 'node:worker_threads'
import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import { checkWait, type LineWaitOptions, waitInLine } from '../../waiting'
import { type LockMode, type OwnerToken, Owners } from '../lock'
import type { CommitResult } from '../transaction'
import type { ConfigNode } from '../tree'
import { LockedSections } from './locked-sections'
import type { SectionAnswer, SectionChange, SectionRequest } from './port-protocol'
import { RemoteHolding } from './remote-holding'
import type { HeldLease } from './section'

/** Somebody who waits for an answer; undefined: the one who asked has given up. */
type Waiter = (answer: SectionAnswer) => void

/**
 * The sections of a Config in a worker thread: the same lock, the same owners by async flow, the same getters and setters.
 * The thread has a copy of the tree, sent when it has changed; changes are made to a copy of that, and committed in the
 * isolate of the Config when the last write section of their owner is released. Hooks that change values while they are
 * read are not called here; one that keeps a stanza fails the release with ERR_CONFIG_VETO.
 *
 * It keeps its thread alive while something is waited for. Ends with its thread, or by `using`: then what it holds is
 * released with a warning, and changes are dropped. (CX-01, CX-06)
 *
 * Thread rule: the thread that made it, one for each port.
 */
export class RemoteConfigSections extends LockedSections implements Disposable {
  readonly #port: MessagePort
  readonly #holdings = new Map<OwnerToken, RemoteHolding>()
  /** Requests for writing that are not answered, also those that nobody waits for any more. */
  readonly #asks = new Map<OwnerToken, Set<Promise<void>>>()
  readonly #waiters = new Map<number, Waiter>()
  #root: ConfigNode | undefined
  #lastId = 0
  #isClosed = false

  /** Of the port that `config.sections.openPort()` gave to this thread. ERR_INVALID_ARGUMENT. */
  constructor(port: MessagePort) {
    if (!(port instanceof MessagePort))
      throw invalid('sections of a worker take', 'a port of config.sections.openPort()', port)
    super(new Owners())
    this.#port = port
    port.on('message', (answer: SectionAnswer) => this.#take(answer))
    port.on('close', () => this.#close())
    port.unref()
  }

  /** Ends the connection. Idempotent. */
  [Symbol.dispose](): void {
    this.#port.close()
    this.#close()
  }

  protected override async acquire(
    mode: LockMode,
    owner: OwnerToken,
    wait: LineWaitOptions,
  ): Promise<HeldLease> {
    checkWait(wait)
    if (this.#isClosed) throw closed()
    const isNow = wait.timeout === 0
    owner.enter()
    try {
      return await waitInLine<HeldLease>(
        (granted, ended) => this.#enter({ mode, owner, isNow }, granted, ended),
        isNow ? { signal: wait.signal } : wait,
        () => new HeddleError('ETIME', 'the section was not free in time'),
      )
    } catch (error) {
      owner.leave()
      throw error
    }
  }

  protected override mayRemove(): boolean {
    return true
  }

  #enter(
    { mode, owner, isNow }: { mode: LockMode; owner: OwnerToken; isNow: boolean },
    granted: (lease: HeldLease) => void,
    ended: (error: unknown) => void,
  ): () => boolean {
    const answered = this.#noteAsk(mode, owner)
    const id = this.#ask({ kind: 'acquire', id: 0, mode, owner: owner.id, isNow }, (answer) => {
      if (answer.error) ended(errorOf(answer.error))
      else granted(this.#leaseFor(id, mode, owner))
      answered()
    })
    return () => {
      if (!this.#waiters.has(id)) return false
      // Granted meanwhile, perhaps: then it goes back as it comes.
      this.#waiters.set(id, ({ error }) => {
        if (!error) this.#release(id, [])
        answered()
      })
      this.#port.postMessage({ kind: 'cancel', id } satisfies SectionRequest)
      return true
    }
  }

  /** A write that is asked for by an owner which writes will share its changes, so these wait for the answer. */
  #noteAsk(mode: LockMode, owner: OwnerToken): () => void {
    if (mode === 'read') return () => {}
    const asks = this.#asks.get(owner) ?? new Set()
    this.#asks.set(owner, asks)
    let answered = (): void => {}
    const ask = new Promise<void>((resolve) => {
      answered = resolve
    })
    asks.add(ask)
    return () => {
      asks.delete(ask)
      if (asks.size === 0) this.#asks.delete(owner)
      answered()
    }
  }

  #leaseFor(id: number, mode: LockMode, owner: OwnerToken): HeldLease {
    const holding = this.#holdings.get(owner) ?? new RemoteHolding(owner, this.#root as ConfigNode)
    this.#holdings.set(owner, holding)
    holding.leases++
    if (mode === 'write') holding.beginWrite()
    let isReleased = false
    const take = (): void => {
      if (isReleased) throw new HeddleError('ERR_LOCK_NOT_HELD', 'the section has been released')
      isReleased = true
    }
    return {
      mode,
      owner,
      holding,
      get isReleased() {
        return isReleased
      },
      release: () => {
        take()
        return this.#giveBack(id, mode, holding)
      },
      abandon: () => {
        take()
        this.#giveBack(id, mode, holding, true).catch(() => {})
      },
    }
  }

  async #giveBack(
    id: number,
    mode: LockMode,
    holding: RemoteHolding,
    isLost = false,
  ): Promise<CommitResult | undefined> {
    const { owner } = holding
    while (mode === 'write' && this.#asks.has(owner)) await Promise.all([...(this.#asks.get(owner) ?? [])])
    const changes = mode === 'write' ? holding.endWrite() : []
    if (--holding.leases === 0) this.#holdings.delete(owner)
    return new Promise<CommitResult | undefined>((resolve, reject) => {
      this.#release(id, isLost ? null : changes, ({ error, result }) => {
        owner.leave()
        if (mode === 'write') holding.settle(this.#root as ConfigNode)
        if (error) reject(errorOf(error))
        else resolve(result)
      })
    })
  }

  #release(lease: number, changes: readonly SectionChange[] | null, answered: Waiter = () => {}): void {
    this.#ask({ kind: 'release', id: 0, lease, changes }, answered)
  }

  #ask(request: SectionRequest, answered: Waiter): number {
    const id = ++this.#lastId
    if (this.#waiters.size === 0) this.#port.ref()
    this.#waiters.set(id, answered)
    if (this.#isClosed) queueMicrotask(() => this.#close())
    else this.#port.postMessage({ ...request, id })
    return id
  }

  #take(answer: SectionAnswer): void {
    const waiter = this.#waiters.get(answer.id)
    this.#waiters.delete(answer.id)
    if (this.#waiters.size === 0) this.#port.unref()
    if (answer.root) this.#root = answer.root
    waiter?.(answer)
  }

  #close(): void {
    this.#isClosed = true
    const error = closed()
    for (const id of [...this.#waiters.keys()]) this.#take({ id, error })
  }
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): HeddleError {
  return new HeddleError(code, message)
}

function closed(): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the isolate of the Config does not answer any more')
}
