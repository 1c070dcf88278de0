import { BroadcastChannel, receiveMessageOnPort, threadId } from 'node:worker_threads'
import { errno } from './errno'
import { MAX_POST_BYTES } from './triggers'

/** What another isolate may ask of a loop. */
export interface LoopInbox {
  post(bytes: Uint8Array): number
  trigger(handle: number, mask: number): void
  wake(): void
}

type Message =
  | { kind: 'up' | 'down' | 'wake'; loop: number }
  | { kind: 'who' }
  | { kind: 'post'; loop: number; bytes: Uint8Array }
  | { kind: 'trigger'; loop: number; handle: number; mask: number }

const CHANNEL = 'heddle/js/loops'
const LOOP_BITS = 16
/**
 * While this young, a loop we have not heard of may be one whose announcement is still on its way: its isolate answers
 * between two callbacks, and a busy machine may not let it run at all for a while.
 */
const SETTLING_MS = 10_000

/**
 * Calls between loops of different isolates of the process. A loop's number holds its thread, so that numbers
 * need no agreement; loops announce themselves on a channel that never keeps a process alive. Loops of this
 * isolate are called directly. A loop whose worker was terminated cannot take leave: calls to it succeed and
 * reach nobody.
 */
export class Remote {
  /** Loops this isolate has made: their numbers must differ even between backends. */
  static #count = 0
  readonly #local = new Map<number, LoopInbox>()
  readonly #others = new Set<number>()
  #channel: BroadcastChannel | undefined
  #settledAt = 0

  /** Registers a loop of this isolate and returns its number. */
  add(loop: LoopInbox): number {
    const channel = this.#open()
    const id = (threadId << LOOP_BITS) | ++Remote.#count
    this.#local.set(id, loop)
    channel.postMessage({ kind: 'up', loop: id } satisfies Message)
    return id
  }

  remove(id: number): void {
    if (this.#local.delete(id)) this.#channel?.postMessage({ kind: 'down', loop: id } satisfies Message)
  }

  post(id: number, bytes: Uint8Array): number {
    if (bytes.length > MAX_POST_BYTES) return -errno.EMSGSIZE
    const local = this.#local.get(id)
    if (local !== undefined) return local.post(new Uint8Array(bytes))
    return this.#send(id, { kind: 'post', loop: id, bytes })
  }

  trigger(id: number, handle: number, mask: number): number {
    const local = this.#local.get(id)
    if (local === undefined) return this.#send(id, { kind: 'trigger', loop: id, handle: handle | 0, mask })
    local.trigger(handle | 0, mask)
    return 0
  }

  wake(id: number): number {
    const local = this.#local.get(id)
    if (local === undefined) return this.#send(id, { kind: 'wake', loop: id })
    local.wake()
    return 0
  }

  #send(id: number, message: Message): number {
    const channel = this.#open()
    if (!this.#knows(id)) return -errno.ENOENT
    channel.postMessage(message)
    return 0
  }

  #knows(id: number): boolean {
    if (this.#others.has(id)) return true
    // What has arrived but was not delivered yet may be the announcement.
    this.#drain()
    if (this.#others.has(id)) return true
    const isForeign = Number.isInteger(id) && id > 0 && id >>> LOOP_BITS !== threadId
    return isForeign && performance.now() < this.#settledAt
  }

  #open(): BroadcastChannel {
    if (this.#channel !== undefined) return this.#channel
    const channel = new BroadcastChannel(CHANNEL)
    channel.onmessage = (event) => this.#receive((event as MessageEvent).data as Message)
    ;(channel as unknown as { unref(): void }).unref()
    this.#channel = channel
    this.#settledAt = performance.now() + SETTLING_MS
    channel.postMessage({ kind: 'who' } satisfies Message)
    return channel
  }

  #drain(): void {
    const port = this.#channel as unknown as Parameters<typeof receiveMessageOnPort>[0]
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      this.#receive(next.message as Message)
    }
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case 'up':
        this.#others.add(message.loop)
        break
      case 'down':
        this.#others.delete(message.loop)
        break
      case 'who':
        for (const loop of this.#local.keys())
          this.#channel?.postMessage({ kind: 'up', loop } satisfies Message)
        break
      case 'wake':
        this.#local.get(message.loop)?.wake()
        break
      case 'post':
        this.#local.get(message.loop)?.post(message.bytes)
        break
      case 'trigger':
        this.#local.get(message.loop)?.trigger(message.handle, message.mask)
        break
    }
  }
}
