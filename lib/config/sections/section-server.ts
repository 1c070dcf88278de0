import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { HeddleError } from '../../errors'
import type { OwnerToken } from '../lock'
import { type PathStep, printPath } from '../path'
import type { CommitResult } from '../transaction'
import type { ConfigNode } from '../tree'
import type { Lease, LeaseTable } from './lease'
import type { SectionAnswer, SectionChange, SectionRequest } from './port-protocol'
import type { SectionStore, WorkingCopy } from './section-store'
import { warnOfThread } from './section-warnings'

type Acquire = Extract<SectionRequest, { kind: 'acquire' }>
type Release = Extract<SectionRequest, { kind: 'release' }>

/** The other end of a port on which one worker thread asks for sections. */
export function openSectionPort(
  table: LeaseTable,
  store: SectionStore,
  mayRemove: (path: string) => boolean,
): MessagePort {
  const { port1, port2 } = new MessageChannel()
  new SectionServer(port1, table, store, mayRemove).start()
  return port2
}

/**
 * Answers one worker thread. Its owners are tokens of their own here, and live while they hold or await something. When
 * the port closes, because the thread has ended or has had enough, all of them are gone.
 */
class SectionServer {
  readonly #port: MessagePort
  readonly #table: LeaseTable
  readonly #store: SectionStore
  readonly #mayRemove: (path: string) => boolean
  readonly #owners = new Map<number, OwnerToken>()
  readonly #leases = new Map<number, Lease>()
  readonly #waits = new Map<number, AbortController>()
  #sent: ConfigNode | undefined
  #isClosed = false

  constructor(
    port: MessagePort,
    table: LeaseTable,
    store: SectionStore,
    mayRemove: (path: string) => boolean,
  ) {
    this.#port = port
    this.#table = table
    this.#store = store
    this.#mayRemove = mayRemove
  }

  start(): void {
    this.#port.on('message', (request: SectionRequest) => {
      this.#serve(request).catch((error) => this.#refuse(request, error))
    })
    this.#port.on('close', () => this.#close())
    this.#port.unref()
  }

  async #serve(request: SectionRequest): Promise<void> {
    switch (request.kind) {
      case 'acquire':
        return this.#acquire(request)
      case 'release':
        return this.#release(request)
      case 'cancel':
        this.#waits.get(request.id)?.abort(new HeddleError('ECANCELED'))
    }
  }

  async #acquire({ id, mode, owner: number, isNow }: Acquire): Promise<void> {
    const owner = this.#owners.get(number) ?? this.#table.owners.create('worker')
    this.#owners.set(number, owner)
    const wait = new AbortController()
    this.#waits.set(id, wait)
    try {
      const limits = isNow ? { timeout: 0 } : { signal: wait.signal }
      const lease = await this.#table.acquire(mode, owner, limits)
      if (this.#isClosed) return lease.abandon()
      this.#leases.set(id, lease)
      this.#answer({ id, root: this.#news(lease.holding.root) })
    } finally {
      this.#waits.delete(id)
      this.#forget(number, owner)
    }
  }

  async #release({ id, lease: number, changes }: Release): Promise<void> {
    const lease = this.#leases.get(number)
    if (!lease) throw new HeddleError('ERR_LOCK_NOT_HELD')
    this.#leases.delete(number)
    try {
      const result = changes === null ? lease.abandon() : await this.#commit(lease, changes)
      this.#answer({ id, result: result ?? undefined, root: this.#news(this.#store.root) })
    } finally {
      for (const [owner, token] of this.#owners) this.#forget(owner, token)
    }
  }

  /** What cannot be changed as the thread has changed it drops all. */
  async #commit(lease: Lease, changes: readonly SectionChange[]): Promise<CommitResult | undefined> {
    try {
      for (const change of changes) this.#apply(lease.holding.copy as WorkingCopy, change)
    } catch (error) {
      lease.abandon()
      throw error
    }
    return lease.release()
  }

  #apply(copy: WorkingCopy, change: SectionChange): void {
    if (change.kind === 'set') copy.set(change.at, change.value)
    else if (change.kind === 'unset') copy.unset(change.at)
    else this.#remove(copy, change.steps)
  }

  #remove(copy: WorkingCopy, steps: readonly PathStep[]): void {
    const path = printPath(steps)
    if (!this.#mayRemove(path)) throw new HeddleError('ERR_CONFIG_VETO', `${path} must stay`)
    copy.remove(steps)
  }

  #forget(number: number, owner: OwnerToken): void {
    if (owner.isIdle) this.#owners.delete(number)
  }

  /** A tree, unless it is the last one that was sent: the thread has kept that. */
  #news(root: ConfigNode): ConfigNode | undefined {
    if (root === this.#sent) return undefined
    this.#sent = root
    return root
  }

  /** Of a commit that failed the thread sees what is active now. */
  #refuse({ id, kind }: SectionRequest, error: unknown): void {
    const root = kind === 'release' ? this.#news(this.#store.root) : undefined
    this.#answer({ id, error: textsOf(error), root })
  }

  /** To a port that has closed nothing is sent, and nobody is there to get it. */
  #answer(answer: SectionAnswer): void {
    this.#port.postMessage(answer)
  }

  #close(): void {
    this.#isClosed = true
    for (const wait of this.#waits.values()) wait.abort(new HeddleError('ERR_CLOSED'))
    const held = [...this.#leases.values()]
    this.#leases.clear()
    if (held.length === 0) return
    const writes = held.filter(({ mode }) => mode === 'write').length
    warnOfThread('a worker thread', held.length - writes, writes)
    for (const lease of held) lease.abandon()
  }
}

/** What somebody else has thrown, whatever it is, as what can be sent. */
function textsOf(error: unknown): { readonly code: string; readonly message: string } {
  try {
    const { code, message } = error as Partial<HeddleError>
    const text = typeof message === 'string' ? message : String(error)
    return { code: typeof code === 'string' ? code : 'ERR_CALLBACK', message: text }
  } catch {
    return { code: 'ERR_CALLBACK', message: `${typeof error} was thrown` }
  }
}
