import type { Backend, ConnectSpec, Engine, EngineOptions, ListenSpec, Sys } from '../../lib/backend/backend'
import { createJsBackend } from '../../lib/backend/js/index'
import { Port } from '../../lib/backend/port'
import { Control, In } from '../../lib/backend/protocol'

export interface Seen {
  readonly kind: number
  readonly words: number[]
  readonly batch: number
  /** Bytes that DATA, HTTP_BODY and POST name. */
  readonly text: string
}

type Callback = (words: number[]) => unknown

const WAIT_MS = 30_000

/** An engine behind a port whose records are kept for inspection. */
export class Bench {
  readonly backend: Backend
  readonly sys: Sys
  readonly port: Port
  readonly engine: Engine
  readonly records: Seen[] = []
  readonly uncaught: unknown[] = []
  readonly #callbacks = new Map<number, Callback>()
  readonly #fds: number[] = []

  constructor(options: Partial<EngineOptions> = {}) {
    this.backend = { ...createJsBackend(), uncaught: (error) => void this.uncaught.push(error) }
    this.sys = this.backend.sys
    this.port = new Port(this.backend, {
      maxSleepMs: 200,
      maxTimersPerPass: 1024,
      maxEventsPerWait: 1024,
      name: 'test/0',
      ...options,
    })
    this.engine = this.port.engine
    for (const kind of Object.values(In)) this.port.handle(kind, (at) => this.#keep(kind, at))
  }

  on(kind: number, callback: Callback): void {
    this.#callbacks.set(kind, callback)
  }

  kinds(): number[] {
    return this.records.map((record) => record.kind)
  }

  of(kind: number): Seen[] {
    return this.records.filter((record) => record.kind === kind)
  }

  /** Text of all DATA records of a connection. */
  received(connection: number): string {
    return this.of(In.DATA)
      .filter((record) => record.words[0] === connection)
      .map((record) => record.text)
      .join('')
  }

  pair(): [number, number] {
    const pair = this.sys.pair() as [number, number]
    this.#fds.push(...pair)
    return pair
  }

  async until(condition: () => boolean): Promise<void> {
    const end = performance.now() + WAIT_MS
    while (!condition()) {
      if (performance.now() > end)
        throw new Error(`waited in vain; records: ${this.kinds().slice(-20).join(' ')}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async passes(count: number): Promise<void> {
    const goal = (this.port.control[Control.PASSES] as number) + count
    await this.until(() => (this.port.control[Control.PASSES] as number) >= goal)
  }

  /** Appends a record that names bytes of the send slab. */
  write(kind: number, words: number[], bytes: string | Uint8Array): void {
    const data = Buffer.from(bytes as string)
    const offset = this.port.reserve(data.length)
    this.port.send.set(data, offset)
    this.port.control[Control.SEND_BYTES] = offset + data.length
    const at = this.port.begin(kind, words.length + 3)
    this.port.outbox.set([...words, offset, data.length], at + 1)
  }

  close(): void {
    this.engine.close()
    for (const fd of this.#fds) this.sys.close(fd)
  }

  #keep(kind: number, at: number): void {
    const { inbox, recv } = this.port
    const words = [...inbox.subarray(at + 1, at + ((inbox[at] as number) >>> 8))]
    const [offset, length] = kind === In.DATA ? [words[1], words[2]] : kind === In.POST ? words : [0, 0]
    const text = recv.toString('latin1', offset, (offset as number) + (length as number))
    this.records.push({ kind, words, batch: this.port.batch, text })
    const result = this.#callbacks.get(kind)?.(words)
    if (result instanceof Promise) result.catch((error) => this.uncaught.push(error))
  }
}

export const TCP: ListenSpec = {
  kind: 'tcp',
  host: '127.0.0.1',
  port: 0,
  backlog: 16,
  noDelay: true,
  reusePort: false,
  ipv6Only: false,
  maxConnections: 0,
  acceptsPerPass: 64,
  idleTimeoutMs: 0,
  highWaterBytes: 65536,
  lowWaterBytes: 16384,
  maxWriteBufferBytes: 0,
  autoClose: true,
  paused: false,
}

export function connectSpec(port: number, more: Partial<ConnectSpec> = {}): ConnectSpec {
  const { kind, noDelay, idleTimeoutMs, highWaterBytes, lowWaterBytes, maxWriteBufferBytes, autoClose } = TCP
  const base = { kind, noDelay, idleTimeoutMs, highWaterBytes, lowWaterBytes, maxWriteBufferBytes, autoClose }
  return { ...base, host: '127.0.0.1', port, paused: false, ...more }
}
