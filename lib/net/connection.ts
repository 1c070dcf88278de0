import type { AddressInfo } from '../backend/backend'
import { BLOCK_BYTES } from '../backend/port'
import { Clock, CloseReason, Control, Out } from '../backend/protocol'
import { HeddleError, errnoName, systemError } from '../errors'
import { ConnectionSide } from './connection-side'
import { HandlerSet, type Handlers } from './handlers'
import type { Home } from './home'
import type { Reader } from './reader'
import { putText } from './slab'
import { deadlineOf, type WaitOptions } from './wait'

/** The peer sent FIN. */
const ENDED = 1
/** We sent FIN or will: nothing may be written. */
const SHUT = 2
/** CLOSE or DESTROY was sent. */
const CLOSING = 4
/** The handle is gone. */
const CLOSED = 8
/** The backend reported output above the high-water mark. */
const BLOCKED = 16
/** `write` answered false: DRAIN is due. */
const NEED_DRAIN = 32
/** The user paused. */
const HELD = 64
/** It was not the user who ended the output. */
const CUT = 128

/** The callbacks of a connection. */
export type ConnectionHandlers = Handlers<Connection>

/**
 * One stream connection, TCP or unix. Belongs to the isolate of its loop. Everything seldom needed lives in a side
 * object made at first use: a connection that only runs callbacks costs about 110 bytes of heap.
 */
export class Connection {
  readonly #handle: number
  readonly #home: Home
  #handlers: HandlerSet<Connection>
  #flags = 0
  /**
   * Bytes written since dispatch number `#turn` began. What is too much is reported by BLOCKED, but only with a
   * later dispatch: a loop that never lets the event loop run has to be stopped by its own count.
   */
  #turnBytes = 0
  #turn = 0
  /** Whole loop milliseconds of the last read and write, in 32 bits. */
  #readMark: number
  #writeMark: number
  #side: ConnectionSide | undefined = undefined

  /** @internal Connections are made by listeners, `connect` and `adopt`. */
  constructor(handle: number, home: Home, handlers: HandlerSet<Connection>) {
    this.#handle = handle
    this.#home = home
    this.#handlers = handlers
    this.#readMark = this.#writeMark = (home.port.clock[Clock.NOW] as number) | 0
  }

  /** Number of the connection on its loop; a new connection may get it after this one has closed. */
  get handle(): number {
    return this.#handle
  }

  /** The descriptor. It stays the connection's own. Fails with EBADF once closed. (LS-11) */
  get fd(): number {
    const fd = this.#home.port.engine.connectionFd(this.#handle)
    if (fd < 0) throw systemError(fd, 'fd')
    return fd
  }

  /** Address of the peer; undefined when it was not asked for before the connection closed. (LS-09) */
  get remote(): AddressInfo | undefined {
    const side = this.#rare()
    side.remote ??= this.#home.port.engine.connectionAddress(this.#handle, true)
    return side.remote
  }

  /** Address of this side. */
  get local(): AddressInfo | undefined {
    const side = this.#rare()
    side.local ??= this.#home.port.engine.connectionAddress(this.#handle, false)
    return side.local
  }

  /** Anything the user wants to keep with the connection. (LS-09) */
  get context(): unknown {
    return this.#side?.context
  }

  set context(value: unknown) {
    this.#rare().context = value
  }

  /** The options of the listener it came from, as they were given. (LS-09) */
  get config(): unknown {
    return this.#home.config
  }

  /** Common name of the client's certificate; undefined without TLS. (LS-09) */
  get remoteCn(): string | undefined {
    return undefined
  }

  /** Milliseconds since the last read and the last write, by the clock of the loop. (LS-09) */
  get idle(): { readonly read: number; readonly write: number } {
    const now = (this.#home.port.clock[Clock.NOW] as number) | 0
    return { read: (now - this.#readMark) | 0, write: (now - this.#writeMark) | 0 }
  }

  /** Unsent bytes. Asking sends what this turn has written so far. */
  get pending(): number {
    const engine = this.#home.port.engine
    engine.flush()
    return Math.max(0, engine.connectionPending(this.#handle))
  }

  /** Bytes that arrived and were not read yet (async style). */
  get buffered(): number {
    return this.#side?.reader?.buffered ?? 0
  }

  get closed(): boolean {
    return (this.#flags & CLOSED) !== 0
  }

  /** Whether the peer has sent FIN. */
  get ended(): boolean {
    return (this.#flags & ENDED) !== 0
  }

  get writable(): boolean {
    return (this.#flags & (SHUT | CLOSED)) === 0
  }

  get handlers(): ConnectionHandlers {
    return this.#handlers.owner
  }

  /** Replaces the callbacks of this connection. Input that waited for a reader goes to the new `onData`. */
  set handlers(handlers: ConnectionHandlers) {
    this.adoptHandlers(new HandlerSet(handlers))
  }

  /**
   * Queues `data` for sending; all writes of a turn leave together. Answers false above the high-water mark (then
   * `onDrain` follows) and on a connection that the peer has closed. Small arrays are copied; arrays of 16 KiB and
   * more are sent by reference and must not change until the connection has drained. The view under delivery is
   * sent without a copy. Throws ERR_CLOSED after `end`, `close` or `destroy`.
   */
  write(data: Uint8Array | string): boolean {
    if ((this.#flags & (SHUT | CLOSED)) !== 0) return this.#refuse()
    const received = this.#home.received
    if (data === received.view) return this.#writeReceived(received.offset, received.length)
    if (typeof data === 'string') return this.#account(this.#writeText(data))
    if (received.view !== undefined && data.buffer === received.buffer) {
      return this.#writeReceived(data.byteOffset, data.length)
    }
    return this.#account(this.#writeBytes(data))
  }

  /**
   * Writes and resolves when the output is below the high-water mark, or has fallen below the low-water mark. On
   * ETIME or abort the bytes stay queued and the connection usable.
   */
  async writeAll(data: Uint8Array | string, options?: WaitOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    if (this.write(data)) return
    await this.drained(options)
  }

  /** Resolves when writing makes sense again; at once if it does. Rejects when the connection closes first. */
  drained(options?: WaitOptions): Promise<void> {
    if ((this.#flags & CLOSED) !== 0) return Promise.reject(this.#closedError())
    if ((this.#flags & (NEED_DRAIN | BLOCKED)) === 0) return Promise.resolve()
    return this.#rare().waitForDrain(deadlineOf(options), options?.signal)
  }

  /** Half-close: FIN follows what was written, reading goes on. */
  end(data?: Uint8Array | string): void {
    if (data !== undefined) this.write(data)
    if ((this.#flags & (SHUT | CLOSED)) !== 0) return
    this.#flags |= SHUT
    this.#home.port.push1(Out.SHUTDOWN, this.#handle)
  }

  /** Closes once everything written has been sent. Resolves when the connection is gone, whatever ended it. */
  close(): Promise<void> {
    if ((this.#flags & CLOSED) !== 0) return Promise.resolve()
    if ((this.#flags & CLOSING) === 0) this.#sendClose(Out.CLOSE)
    return this.#rare().waitForClose()
  }

  /** Closes at once; unsent output is lost and the peer sees a reset where the system allows. */
  destroy(error?: HeddleError): void {
    if ((this.#flags & CLOSED) !== 0) return
    if (error !== undefined) this.#rare().error = error
    this.#sendClose(Out.DESTROY)
  }

  /** Stops `onData` until `resume`; the peer is pushed back by TCP. */
  pause(): void {
    if ((this.#flags & (HELD | CLOSED)) !== 0) return
    this.#flags |= HELD
    this.#home.port.push1(Out.PAUSE, this.#handle)
  }

  resume(): void {
    if ((this.#flags & HELD) === 0 || (this.#flags & CLOSED) !== 0) return
    this.#flags &= ~HELD
    this.#home.port.push1(Out.RESUME, this.#handle)
    this.#deliverHeld()
  }

  /** Changes the idle time-out of this connection, milliseconds; 0 switches it off. (LS-05) */
  setIdleTimeout(milliseconds: number): void {
    this.#home.port.push2(Out.IDLE_TIMEOUT, this.#handle, milliseconds)
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

  /** A copy of the view under delivery that outlives the callback. */
  copy(view: Uint8Array): Buffer {
    return Buffer.from(view)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal */
  get home(): Home {
    return this.#home
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
    const home = this.#home
    this.#readMark = (home.port.clock[Clock.NOW] as number) | 0
    const handlers = this.#handlers
    const onData = handlers.onData
    if (onData === undefined || (this.#flags & HELD) !== 0) {
      this.#reader().push(Buffer.from(home.received.at(offset, length)))
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
    this.#flags |= ENDED
    this.#side?.reader?.end()
    if (this.buffered === 0 || this.#handlers.onData === undefined) this.#inputOver()
  }

  /** @internal Destroys the connection for somebody else than its user. */
  cut(): void {
    this.#flags |= CUT
    this.destroy()
  }

  /** @internal BLOCKED. */
  blocked(): void {
    this.#flags |= BLOCKED
  }

  /** @internal DRAIN. */
  drain(): void {
    const told = (this.#flags & NEED_DRAIN) !== 0
    this.#flags &= ~(BLOCKED | NEED_DRAIN)
    this.#side?.drained()
    const handlers = this.#handlers
    if (told) handlers.onDrain?.call(handlers.owner, this)
  }

  /** @internal CLOSE: the handle means nothing from here on. */
  gone(errno: number, reason: number): void {
    this.#flags |= CLOSED | SHUT
    const error = this.#side?.error ?? closeError(errno, reason)
    const side = this.#side
    if (side !== undefined) side.closed(error, error ?? this.#closedError())
    this.#home.left()
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
    if (handlers.onData !== undefined && this.buffered > 0) queueMicrotask(() => this.#deliverHeld())
  }

  /** @internal Input that somebody took and hands back, ahead of what follows. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#reader().push(bytes)
  }

  #writeReceived(offset: number, length: number): boolean {
    const port = this.#home.port
    const at = port.begin(Out.WRITE_RECEIVED, 4)
    const outbox = port.outbox
    outbox[at + 1] = this.#handle
    outbox[at + 2] = offset
    outbox[at + 3] = length
    return this.#account(length)
  }

  #writeText(text: string): number {
    if (text.length >= BLOCK_BYTES) return this.#writeBytes(Buffer.from(text))
    const port = this.#home.port
    const offset = port.reserve(3 * text.length)
    const length = putText(port.send, offset, text)
    this.#appendWrite(offset, length)
    return length
  }

  #writeBytes(bytes: Uint8Array): number {
    const port = this.#home.port
    const length = bytes.length
    if (length >= BLOCK_BYTES) {
      // A failure means that the handle has just died; its CLOSE is on the way.
      port.engine.writeBlock(this.#handle, bytes)
      return length
    }
    const offset = port.reserve(length)
    port.send.set(bytes, offset)
    this.#appendWrite(offset, length)
    return length
  }

  #appendWrite(offset: number, length: number): void {
    if (length === 0) return
    const port = this.#home.port
    port.control[Control.SEND_BYTES] = offset + length
    const at = port.begin(Out.WRITE, 4)
    const outbox = port.outbox
    outbox[at + 1] = this.#handle
    outbox[at + 2] = offset
    outbox[at + 3] = length
  }

  /** Counts what was written and says whether more is welcome. */
  #account(bytes: number): boolean {
    const home = this.#home
    const port = home.port
    this.#writeMark = (port.clock[Clock.NOW] as number) | 0
    if (port.batch !== this.#turn) {
      this.#turn = port.batch
      this.#turnBytes = 0
    }
    this.#turnBytes += bytes
    if (this.#turnBytes <= home.highWaterBytes && (this.#flags & (BLOCKED | NEED_DRAIN)) === 0) return true
    if ((this.#flags & NEED_DRAIN) === 0) {
      this.#flags |= NEED_DRAIN
      port.push1(Out.WANT_DRAIN, this.#handle)
    }
    return false
  }

  #refuse(): boolean {
    // Ended by the caller: his mistake. Ended by the peer or a listener: he cannot know yet.
    if ((this.#flags & (CLOSED | CUT)) === 0)
      throw new HeddleError('ERR_CLOSED', 'write after end, close or destroy')
    return false
  }

  #sendClose(kind: number): void {
    this.#flags |= SHUT | CLOSING
    this.#home.port.push1(kind, this.#handle)
  }

  #deliverHeld(): void {
    const handlers = this.#handlers
    const reader = this.#side?.reader
    if (reader === undefined || handlers.onData === undefined || (this.#flags & HELD) !== 0) return
    if (reader.buffered === 0) return
    handlers.onData.call(handlers.owner, this, reader.drain())
    if ((this.#flags & (ENDED | CLOSED)) === ENDED) this.#inputOver()
  }

  #inputOver(): void {
    const handlers = this.#handlers
    handlers.onEnd?.call(handlers.owner, this)
    if (handlers.onData === undefined || this.#home.limits.allowHalfOpen) return
    if ((this.#flags & (CLOSING | CLOSED)) !== 0) return
    this.#flags |= CUT
    this.#sendClose(Out.CLOSE)
  }

  /** An async `onConnection`: the connection ends with it. What its waits fail with is no fault of the program. */
  #follow(result: Promise<void>): void {
    result.then(
      () => void this.close(),
      (error: unknown) => {
        if (error instanceof HeddleError) return this.destroy(error)
        this.destroy()
        this.#home.port.uncaught(error)
      },
    )
  }

  #closedError(): HeddleError {
    return this.#side?.error ?? new HeddleError('ERR_CLOSED', 'the connection is closed')
  }

  #rare(): ConnectionSide {
    this.#side ??= new ConnectionSide()
    return this.#side
  }

  #reader(): Reader {
    const home = this.#home
    const side = this.#rare()
    return side.readerFor(
      home.port,
      this.#handle,
      home.limits.readBufferBytes,
      this.#flags & (ENDED | CLOSED),
    )
  }
}

/** Why a connection ended, undefined if both sides agreed to. */
function closeError(errno: number, reason: number): HeddleError | undefined {
  switch (reason) {
    case CloseReason.IDLE:
      return new HeddleError('ETIME', 'the connection was idle for too long')
    case CloseReason.OVERFLOW:
      return new HeddleError('ENOBUFS', 'the peer takes too little of the output')
  }
  if (errno === 0) return undefined
  return new HeddleError(errnoName(errno), `the connection failed: ${errnoName(errno)}`, {
    errno: -Math.abs(errno),
  })
}
