import { constants } from 'node:os'
import { type Coroutine, kAdopt } from '../aco'
import type { AddressInfo } from '../backend/backend'
import { Clock, Out } from '../backend/protocol'
import { HeddleError, systemError } from '../errors'
import type { Reader } from '../io/reader'
import { AcoConnection } from './aco-connection'
import { closeError } from './close-error'
import { ConnectionOutput, Flag } from './connection-output'
import { HandlerSet, type Handlers } from './handlers'
import type { Home } from './home'
import { size } from './options'
import { PlainWaits } from './plain-waits'
import type { WaitOptions } from './wait'

/** The callbacks of a connection. */
export type ConnectionHandlers = Handlers<Connection>

/** While a coroutine has the connection. */
const RESTING = new HandlerSet<Connection>({})

/**
 * One stream connection, TCP or unix. Belongs to the isolate of its loop. Everything seldom needed lives in a side
 * object made at first use: a connection that only runs callbacks costs about 110 bytes of heap.
 */
export class Connection extends ConnectionOutput {
  #handlers: HandlerSet<Connection>
  /** Whole loop milliseconds of the last read, in 32 bits. */
  #readMark: number

  /** @internal Connections are made by listeners, `connect` and `adopt`. */
  constructor(handle: number, home: Home, handlers: HandlerSet<Connection>) {
    super(handle, home)
    this.#handlers = handlers
    this.#readMark = this.writeMark
  }

  /** The descriptor. It stays the connection's own. Fails with EBADF once closed. (LS-11) */
  get fd(): number {
    const fd = this.closed ? -constants.errno.EBADF : this.home.port.engine.connectionFd(this.handle)
    if (fd < 0) throw systemError(fd, 'fd')
    return fd
  }

  /** Address of the peer; undefined when it was not asked for before the connection closed. (LS-09) */
  get remote(): AddressInfo | undefined {
    const side = this.rare()
    side.remote ??= this.#address(true)
    return side.remote
  }

  /** Address of this side; undefined when it was not asked for before the connection closed. */
  get local(): AddressInfo | undefined {
    const side = this.rare()
    side.local ??= this.#address(false)
    return side.local
  }

  /** Anything the user wants to keep with the connection. (LS-09) */
  get context(): unknown {
    return this.side?.context
  }

  set context(value: unknown) {
    this.rare().context = value
  }

  /** The options of the listener it came from, as they were given. (LS-09) */
  get config(): unknown {
    return this.home.config
  }

  /** Common name of the client's certificate; undefined without TLS. (LS-09) */
  get remoteCn(): string | undefined {
    return undefined
  }

  /** Milliseconds since the last read and the last write, by the clock of the loop. (LS-09) */
  get idle(): { readonly read: number; readonly write: number } {
    const now = (this.home.port.clock[Clock.NOW] as number) | 0
    return { read: (now - this.#readMark) | 0, write: (now - this.writeMark) | 0 }
  }

  /** Bytes that arrived and were not read yet (async style). */
  get buffered(): number {
    return this.side?.reader?.buffered ?? 0
  }

  /** Whether the peer has sent FIN. */
  get ended(): boolean {
    return (this.flags & Flag.ENDED) !== 0
  }

  get handlers(): ConnectionHandlers {
    return this.#handlers.owner
  }

  /** Replaces the callbacks of this connection. Input that waited for a reader goes to the new `onData`. */
  set handlers(handlers: ConnectionHandlers) {
    this.adoptHandlers(new HandlerSet(handlers))
  }

  /** Stops `onData` until `resume`; the peer is pushed back by TCP. What has arrived stays readable. */
  pause(): void {
    if ((this.flags & (Flag.HELD | Flag.CLOSING | Flag.CLOSED)) !== 0) return
    this.flags |= Flag.HELD
    this.side?.reader?.hold(true)
    this.home.port.push1(Out.PAUSE, this.handle)
  }

  /** Undoes `pause`. Input that waited goes to `onData` soon, not within this call. */
  resume(): void {
    if ((this.flags & Flag.HELD) === 0 || this.closing) return
    this.flags &= ~Flag.HELD
    const mayRead = this.side?.reader?.hold(false) ?? true
    if (mayRead) this.home.port.push1(Out.RESUME, this.handle)
    this.#deliverSoon()
  }

  /** Changes the idle time-out of this connection, milliseconds; 0 switches it off. (LS-05) */
  setIdleTimeout(milliseconds: number): void {
    const checked = size('idleTimeout', milliseconds, 0)
    if (!this.closed) this.home.port.push2(Out.IDLE_TIMEOUT, this.handle, checked)
  }

  /** The next bytes as they came, null after the peer's FIN. One read at a time (EBUSY). */
  read(options?: WaitOptions): Promise<Buffer | null> {
    return this.#reader().read(options)
  }

  /** Exactly `count` bytes; ERR_END_OF_STREAM if fewer come. */
  readExact(count: number, options?: WaitOptions): Promise<Buffer> {
    return this.#reader().readExact(count, options)
  }

  /**
   * Bytes up to and including `delimiter`. ERR_READ_LIMIT if `max` (default 64 KiB) bytes do not contain it; they
   * stay readable.
   */
  readUntil(delimiter: Uint8Array | string, options: WaitOptions & { max?: number } = {}): Promise<Buffer> {
    const bytes = typeof delimiter === 'string' ? Buffer.from(delimiter) : delimiter
    return this.#reader().readUntil(bytes, options.max ?? 65536, options)
  }

  /** Chunks until the peer's FIN. Leaving the loop early leaves the connection open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    const reader = this.#reader()
    for (let chunk = await reader.read(); chunk !== null; chunk = await reader.read()) yield chunk
  }

  /**
   * @internal A coroutine takes the connection: its callbacks rest, and reads of either kind wait as coroutine. EBADF,
   * EINVAL of another loop, EBUSY while somebody reads, ERR_EVENT_SCHEDULED when it has been taken.
   */
  [kAdopt](co: Coroutine): AcoConnection {
    if (this.closing) throw new HeddleError('EBADF', 'the connection is closed')
    if (this.side?.aco !== undefined)
      throw new HeddleError('ERR_EVENT_SCHEDULED', 'a coroutine has this connection')
    if (co.loop.port !== this.home.port)
      throw new HeddleError('EINVAL', 'the connection belongs to another loop than the coroutine')
    const handlers = this.#handlers
    const adopted = new AcoConnection(this, co, () => ({ reader: this.#reader(), handlers }))
    this.rare().aco = adopted
    this.#handlers = RESTING
    this.resume()
    return adopted
  }

  /** @internal Back to callbacks: what they have missed follows in order, none of it within this call. */
  releaseFrom(adopted: AcoConnection, handlers: HandlerSet<Connection> | undefined): void {
    const side = this.rare()
    if (side.aco !== adopted) return
    side.aco = undefined
    this.#reader().handTo(new PlainWaits())
    if (handlers === undefined) return
    this.adoptHandlers(handlers)
    if (this.closed) queueMicrotask(() => this.#tellGone(side.error))
    else if (this.ended && this.buffered === 0) queueMicrotask(() => this.#inputOver())
  }

  /** A copy of the view under delivery that outlives the callback. */
  copy(view: Uint8Array): Buffer {
    return Buffer.from(view)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal The connection is established: the first callback. */
  opened(): void {
    const handlers = this.#handlers
    if (handlers.onConnection === undefined) return
    let result: void | Promise<void>
    try {
      result = handlers.onConnection.call(handlers.owner, this)
    } catch (error) {
      this.destroy()
      throw error
    }
    if (result !== undefined && handlers.onData === undefined) this.#follow(result)
  }

  /** @internal DATA. */
  deliver(offset: number, length: number): void {
    const home = this.home
    this.#readMark = (home.port.clock[Clock.NOW] as number) | 0
    const handlers = this.#handlers
    const onData = handlers.onData
    if (onData === undefined || (this.flags & (Flag.HELD | Flag.CLOSING)) !== 0) {
      this.#keep(offset, length)
      return
    }
    const received = home.received
    const view = received.open(offset, length)
    try {
      onData.call(handlers.owner, this, view)
    } finally {
      received.shut()
    }
  }

  /** @internal END. Input that the user holds back comes first. */
  peerEnded(): void {
    this.flags |= Flag.ENDED
    this.side?.reader?.end()
    if (this.buffered === 0 || this.#handlers.onData === undefined) this.#inputOver()
  }

  /** @internal DRAIN. */
  drain(): void {
    const told = this.outputDrained()
    const handlers = this.#handlers
    if (told) handlers.onDrain?.call(handlers.owner, this)
  }

  /** @internal CLOSE: the handle means nothing from here on. */
  gone(errno: number, reason: number): void {
    this.flags |= Flag.CLOSED | Flag.SHUT
    const error = this.side?.error ?? closeError(errno, reason)
    const side = this.side
    if (side !== undefined) side.closed(error, error ?? this.closedError())
    this.home.left()
    this.#tellGone(error)
  }

  #tellGone(error: HeddleError | undefined): void {
    const handlers = this.#handlers
    try {
      if (error !== undefined) handlers.onError?.call(handlers.owner, this, error)
    } finally {
      handlers.onClose?.call(handlers.owner, this, error)
    }
  }

  /** @internal Changes the callbacks without making another set. */
  adoptHandlers(handlers: HandlerSet<Connection>): void {
    this.#handlers = handlers
    this.#deliverSoon()
  }

  /** @internal Input that somebody took and hands back, ahead of what follows. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#reader().push(bytes)
  }

  #address(peer: boolean): AddressInfo | undefined {
    return this.closed ? undefined : this.home.port.engine.connectionAddress(this.handle, peer)
  }

  /** Input that nobody may hear now. After `close` or `destroy` nobody ever will. */
  #keep(offset: number, length: number): void {
    if (this.closing) return
    this.#reader().receive(this.home.port.recv, offset, length)
  }

  /** In a microtask, so that an exception of `onData` is nobody's but Node's. The next record comes after that. */
  #deliverSoon(): void {
    if (this.#handlers.onData !== undefined && this.buffered > 0) queueMicrotask(() => this.#deliverHeld())
  }

  #deliverHeld(): void {
    const handlers = this.#handlers
    const reader = this.side?.reader
    if (reader === undefined || handlers.onData === undefined || reader.buffered === 0) return
    if ((this.flags & (Flag.HELD | Flag.CLOSING)) !== 0) return
    try {
      handlers.onData.call(handlers.owner, this, reader.drain())
    } finally {
      if ((this.flags & (Flag.ENDED | Flag.CLOSED)) === Flag.ENDED) this.#inputOver()
    }
  }

  #inputOver(): void {
    if (this.closing) return
    const handlers = this.#handlers
    try {
      handlers.onEnd?.call(handlers.owner, this)
    } finally {
      const staysOpen = handlers.onData === undefined || this.home.limits.allowHalfOpen
      if (!staysOpen && !this.closing) {
        this.flags |= Flag.CUT
        this.sendClose(Out.CLOSE)
      }
    }
  }

  /** An async `onConnection`: the connection ends with it. What its waits fail with is no fault of the program. */
  #follow(result: Promise<void>): void {
    result.then(
      () => void this.close(),
      (error: unknown) => {
        if (error instanceof HeddleError) return this.destroy(error)
        this.destroy()
        this.home.port.uncaught(error)
      },
    )
  }

  #reader(): Reader {
    const { port, limits } = this.home
    const over = (this.flags & (Flag.ENDED | Flag.CLOSED)) !== 0
    const held = (this.flags & Flag.HELD) !== 0
    return this.rare().readerFor(port, this.handle, limits.readBufferBytes, held, over)
  }
}
