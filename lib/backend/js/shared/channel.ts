import { BroadcastChannel, threadId } from 'node:worker_threads'
import { errno } from '../errno'
import type { Hold, Names, Wanted } from './names'

/** The 1 is the version of the layout: copies of the package that differ in it do not meet. */
const CHANNEL = 'heddle/js/shared/1'
const MAIN_THREAD = 0
/** How long a worker waits for the main thread, which may have to finish something else first. */
const PATIENCE_MS = 10_000

type Message =
  | { readonly kind: 'open'; readonly thread: number; readonly request: number; readonly wanted: Wanted }
  | { readonly kind: 'close'; readonly id: number; readonly slot: number; readonly isClean: boolean }
  | { readonly kind: 'born'; readonly thread: number; readonly parent: number }
  | { readonly kind: 'ended'; readonly thread: number }
  | { readonly kind: 'up' }

interface Answer {
  readonly request: number
  readonly result: Hold | number
}

/** What the rest needs to know of who keeps the names. */
export interface NameKeeper {
  open(wanted: Wanted): Promise<Hold | number> | Hold | number
  close(id: number, slot: number, isClean: boolean): void
  /** A thread that this one has started. */
  born(thread: number): void
  ended(thread: number): void
}

interface Channel {
  onmessage: (event: { data: unknown }) => void
  postMessage(message: unknown): void
  unref(): void
  close(): void
}

/** A channel that keeps no process alive. */
function join(name: string, receive: (data: unknown) => void): Channel {
  const channel = new BroadcastChannel(name) as unknown as Channel
  channel.onmessage = ({ data }) => receive(data)
  channel.unref()
  return channel
}

/** The main thread's: it keeps the names itself, and answers the others. */
export class MainKeeper implements NameKeeper {
  readonly #names: Names

  constructor(names: Names) {
    this.#names = names
    const channel = join(CHANNEL, (data) => this.#receive(data as Message))
    // Who asked before anybody listened asks again.
    channel.postMessage({ kind: 'up' } satisfies Message)
  }

  open(wanted: Wanted): Hold | number {
    return this.#names.open(wanted, MAIN_THREAD)
  }

  close(id: number, slot: number, isClean: boolean): void {
    this.#names.close(id, slot, isClean)
  }

  born(): void {
    // Threads that the main thread has started end before it does.
  }

  ended(thread: number): void {
    this.#names.ended(thread)
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case 'open':
        this.#answer(message.thread, message.request, message.wanted)
        break
      case 'close':
        this.#names.close(message.id, message.slot, message.isClean)
        break
      case 'born':
        this.#names.born(message.thread, message.parent)
        break
      case 'ended':
        this.#names.ended(message.thread)
        break
      case 'up':
        break
    }
  }

  /** Who has asked twice, see above, gets two holds and gives the second one back. */
  #answer(thread: number, request: number, wanted: Wanted): void {
    const channel = join(`${CHANNEL}/${thread}`, () => {})
    channel.postMessage({ request, result: this.#names.open(wanted, thread) } satisfies Answer)
    channel.close()
  }
}

/** A worker's: it asks the main thread, and waits a bounded time for the answer. */
export class WorkerKeeper implements NameKeeper {
  readonly #pending = new Map<
    number,
    { readonly wanted: Wanted; readonly answer: (result: Hold | number) => void }
  >()
  #channel: Channel | undefined
  #count = 0

  open(wanted: Wanted): Promise<Hold | number> {
    const request = ++this.#count
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle({ request, result: -errno.ETIME }), PATIENCE_MS)
      const answer = (result: Hold | number): void => {
        clearTimeout(timer)
        resolve(result)
      }
      this.#pending.set(request, { wanted, answer })
      this.#ask(request, wanted)
    })
  }

  close(id: number, slot: number, isClean: boolean): void {
    this.#post({ kind: 'close', id, slot, isClean })
  }

  born(thread: number): void {
    this.#post({ kind: 'born', thread, parent: threadId })
  }

  ended(thread: number): void {
    this.#post({ kind: 'ended', thread })
  }

  #ask(request: number, wanted: Wanted): void {
    this.#post({ kind: 'open', thread: threadId, request, wanted })
  }

  #post(message: Message): void {
    this.#channel ??= this.#join()
    this.#channel.postMessage(message)
  }

  #join(): Channel {
    join(`${CHANNEL}/${threadId}`, (data) => this.#settle(data as Answer))
    process.once('exit', () => this.ended(threadId))
    return join(CHANNEL, (data) => this.#receive(data as Message))
  }

  #receive(message: Message): void {
    if (message.kind !== 'up') return
    for (const [request, { wanted }] of this.#pending) this.#ask(request, wanted)
  }

  #settle({ request, result }: Answer): void {
    const pending = this.#pending.get(request)
    this.#pending.delete(request)
    if (pending !== undefined) pending.answer(result)
    else if (typeof result !== 'number') this.close(result.id, result.slot, true)
  }
}
