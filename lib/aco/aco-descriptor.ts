import { MaskBit, Out } from '../backend/protocol'
import { errnoNumber, HeddleError, systemError } from '../errors'
import type { FdEvent } from '../eventer/fd-event'
import type { Loop } from '../eventer/loop'
import type { AcceptResult, Opset } from '../eventer/opset'
import { Reader } from '../io/reader'
import type { Accepted } from './aco-event'
import { AcoStream } from './aco-stream'
import { kRelease } from './adopt'
import { AskDriver, type Asker } from './ask-driver'
import type { Coroutine } from './coroutine'
import { type FdSource, OpsetSource, PosixSource } from './fd-source'
import { fulfilled } from './count'
import { deadlineAfter, timeLeft } from './limit'
import type { AcoWaitOptions } from './wait-point'

/** Names an adopted descriptor for other isolates, which may call it without waiting. Survives structured cloning. */
export interface DescriptorRef {
  readonly loopId: number
  readonly handle: number
  readonly fd: number
}

/**
 * A descriptor event that a coroutine has adopted. With plain POSIX operations a read is one record that asks and one that
 * answers, and takes no byte that was not asked for; writing is attempted at once. Other operations are called and the
 * descriptor is waited for as they need it. The event that was adopted refuses everything until it is released.
 * (AC-09 to AC-18)
 */
export class AcoDescriptor extends AcoStream<FdEvent> implements Asker {
  readonly handle: number
  protected readonly reader: Reader
  protected readonly home: Loop
  readonly #event: FdEvent
  readonly #opset: Opset
  readonly #driver: AskDriver
  readonly #source: FdSource
  /** The system does not watch such a descriptor: it is ready always. */
  readonly #unpollable: boolean
  /** Readiness that input and output wait for; native code is told of both. */
  #inputNeed = 0
  #outputNeed = 0

  /** @internal See `aco.adopt`. */
  static adopt(event: FdEvent, co: Coroutine): AcoDescriptor {
    const { opset, polled } = event.adopt(co.loop)
    return new AcoDescriptor(event, co, opset, polled)
  }

  private constructor(event: FdEvent, co: Coroutine, opset: Opset, polled: boolean) {
    super(co)
    this.handle = event.handle
    this.home = co.loop
    this.#event = event
    this.#opset = opset
    this.#unpollable = !polled
    this.#driver = AskDriver.of(co.loop.port)
    const plain = polled && opset === event.core.posix
    this.#source = plain ? this.#posixSource() : this.#opsetSource()
    this.reader = new Reader(this.#source, this.input, 0, false)
    const unread = event.core.unread.take(event)
    if (unread !== undefined) {
      this.reader.push(unread.bytes)
      if (unread.error !== undefined) this.reader.end(unread.error)
    }
    this.#driver.add(this)
  }

  /** The descriptor, -1 once closed. */
  get fd(): number {
    return this.#event.fd
  }

  get closure(): unknown {
    return this.#event.closure
  }

  set closure(value: unknown) {
    this.#event.closure = value
  }

  /** For `RemoteEventer.read` and its like on other threads, which do not wait. (AC-16) */
  get ref(): DescriptorRef {
    return { loopId: this.home.loopId, handle: this.handle, fd: this.fd }
  }

  override read(into: Uint8Array, options?: AcoWaitOptions): Promise<number> {
    if (options?.timeout === 0 && this.over === undefined && into instanceof Uint8Array) this.#look(into)
    return super.read(into, options)
  }

  async accept(options?: AcoWaitOptions): Promise<Accepted> {
    if (this.over !== undefined) throw this.refusal()
    const deadline = deadlineAfter(options?.timeout ?? this.acceptTimeout)
    this.input.check(options)
    if (this.input.busy) throw new HeddleError('EBUSY', 'a read is waiting on this event')
    for (;;) {
      const result: AcceptResult = this.#opset.accept(this.#event)
      if (!result.again) return { fd: result.fd, peer: result.peer }
      const wait = this.input.point.begin(
        this.coroutine as Coroutine,
        'accept',
        timeLeft(deadline),
        options?.signal,
      )
      if (this.input.busy) this.#needInput(result.need)
      await wait
      if (this.over !== undefined) throw this.refusal()
    }
  }

  /** Gives the descriptor up; whoever waits fails with EBADF. The event must still be freed. (AC-12) */
  close(): Promise<void> {
    if (this.over !== undefined) return Promise.reject(this.refusal())
    const event = this.#event
    this.over = 'EBADF'
    this.#detach()
    this.input.reject(this.refusal())
    this.output.reject(this.refusal())
    let closing: Promise<void>
    try {
      closing = this.#opset.close(event)
    } catch (error) {
      closing = Promise.reject(error)
    }
    event.descriptor = -1
    return this.closed(closing)
  }

  /** Drops the event. An open descriptor stays open, which is warned of. EBUSY, ERR_EVENT_FREED. (AC-13) */
  free(): void {
    if (this.over === 'ERR_EVENT_FREED') throw this.refusal()
    this.assertIdle()
    if (this.over === undefined) {
      this.warnOpen(`descriptor ${this.fd}`)
      this.#detach()
    }
    this.leave()
    this.#event.free()
  }

  [kRelease](): FdEvent {
    if (this.over === 'ERR_EVENT_FREED') throw this.refusal()
    this.assertIdle()
    const event = this.#event
    if (this.over === undefined) {
      this.#detach()
      event.core.unread.put(event, this.reader.drain(), this.reader.error)
    }
    this.leave()
    return event
  }

  /** @internal FD_DATA. */
  answered(slab: Buffer, offset: number, length: number): void {
    if (length > 0) this.reader.receive(slab, offset, length)
    else if (length === 0) this.reader.end()
    else this.reader.fail(systemError(length, 'read', `fd ${this.fd}`))
  }

  /** @internal FD_READY. An exception is news for both: their next attempt tells what it is. */
  ready(mask: number): void {
    const isException = (mask & MaskBit.EXCEPTION) !== 0
    const input = isException || (mask & this.#inputNeed) !== 0
    const output = isException || (mask & this.#outputNeed) !== 0
    if (input) this.#inputNeed = 0
    if (output) this.#outputNeed = 0
    if ((this.#inputNeed | this.#outputNeed) !== 0) this.#ask()
    if (output) this.output.resolve(0)
    if (!input) return
    if (this.input.point.state === 'accept') this.input.resolve(0)
    else this.#source.retry()
  }

  protected writeSome(bytes: Uint8Array, deadline: number, signal: AbortSignal | undefined): Promise<number> {
    const result = this.#opset.write(this.#event, bytes)
    if (result.n !== undefined) return fulfilled(result.n)
    return this.#writeLater(bytes, result.need ?? MaskBit.WRITE, deadline, signal)
  }

  protected inputDropped(): void {
    if (this.#inputNeed !== 0) this.#needInput(0)
    this.reader.forget()
    this.#source.unwant()
  }

  protected outputDropped(): void {
    if (this.#outputNeed === 0) return
    this.#outputNeed = 0
    this.#ask()
  }

  async #writeLater(
    bytes: Uint8Array,
    firstNeed: number,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    let need = firstNeed
    for (;;) {
      const wait = this.room(deadline, signal)
      if (this.output.busy) this.#needOutput(need)
      await wait
      if (this.over !== undefined) throw this.refusal()
      const result = this.#opset.write(this.#event, bytes)
      if (result.n !== undefined) return result.n
      need = result.need ?? MaskBit.WRITE
    }
  }

  #posixSource(): FdSource {
    const answered = (slab: Buffer, offset: number, length: number) => this.answered(slab, offset, length)
    return new PosixSource(this.home.port, this.handle, answered)
  }

  #opsetSource(): FdSource {
    return new OpsetSource(
      this.#event,
      this.#opset,
      () => this.reader,
      (mask) => this.#needInput(mask),
    )
  }

  /** A read that may not wait: what is there is taken now. */
  #look(into: Uint8Array): void {
    if (this.reader.buffered > 0 || this.reader.ended || this.input.busy || into.length === 0) return
    try {
      const result = this.#opset.read(this.#event, into)
      if (result.eof) this.reader.end()
      if (result.n !== undefined) this.reader.push(Buffer.from(into.subarray(0, result.n)))
    } catch (error) {
      this.reader.fail(error)
    }
  }

  #needInput(mask: number): void {
    if (this.#unpollable && mask !== 0) {
      this.input.reject(this.#unwatched())
      return
    }
    if (this.#inputNeed === mask) return
    this.#inputNeed = mask
    this.#ask()
  }

  #needOutput(mask: number): void {
    if (this.#unpollable) {
      this.output.reject(this.#unwatched())
      return
    }
    this.#outputNeed = mask
    this.#ask()
  }

  #ask(): void {
    this.home.port.push2(Out.FD_WAIT, this.handle, this.#inputNeed | this.#outputNeed)
  }

  #unwatched(): HeddleError {
    return systemError(errnoNumber('EPERM'), 'watch', `fd ${this.fd}`)
  }

  #detach(): void {
    this.#driver.delete(this)
    this.#event.disown(this.#opset)
  }
}
