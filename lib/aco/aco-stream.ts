import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { Loop } from '../eventer/loop'
import { checkBytes } from '../io/bytes'
import type { Reader } from '../io/reader'
import type { Accepted, AcoEvent } from './aco-event'
import { kCoroutine, kRelease } from './adopt'
import type { Coroutine } from './coroutine'
import { InputWait } from './input-wait'
import { deadlineAfter, timeLeft } from './limit'
import { type AcoWaitOptions, WaitPoint } from './wait-point'

/** Bytes that `readUntil` looks at where nothing else is said. */
const LINE_BYTES = 65536

/**
 * What adopted descriptors and connections have in common: whose they are, the two places where their coroutine waits, and
 * reading, which is the reader's. One read or accept and one write or close may wait at the same time.
 */
export abstract class AcoStream<C> implements AcoEvent {
  acceptTimeout: number | undefined = undefined
  writeTimeout: number | undefined = undefined
  protected readonly input: InputWait
  protected readonly output: WaitPoint<number>
  protected abstract readonly reader: Reader
  /** Code of what every operation fails with from now on. */
  protected over: 'EBADF' | 'ERR_EVENT_FREED' | undefined = undefined
  #co: Coroutine | undefined

  constructor(co: Coroutine) {
    this.#co = co
    this.input = new InputWait(co, () => this.inputDropped())
    this.output = new WaitPoint<number>(() => this.outputDropped())
  }

  abstract closure: unknown
  abstract accept(options?: AcoWaitOptions): Promise<Accepted>
  abstract close(): Promise<void>
  abstract free(): void
  abstract [kRelease](): C
  /** The loop it belongs to, which is its coroutine's. */
  protected abstract readonly home: Loop
  /** Writes at least a byte, or rejects. */
  protected abstract writeSome(
    bytes: Uint8Array,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<number>
  /** A wait has ended by itself: nobody asks any more. */
  protected abstract inputDropped(): void
  protected abstract outputDropped(): void

  get coroutine(): Coroutine | undefined {
    return this.#co
  }

  get [kCoroutine](): Coroutine | undefined {
    return this.#co
  }

  /** An adopted event stays on its loop: setting this does nothing, in strict mode it throws ERR_ACO_PINNED. (AC-26) */
  get owner(): Loop {
    return this.home
  }

  set owner(_loop: Loop) {
    this.home.core.refusePinned()
  }

  get readTimeout(): number | undefined {
    return this.input.timeout
  }

  set readTimeout(timeout: number | undefined) {
    this.input.timeout = timeout
  }

  /** Bytes that were read and not used yet. */
  get buffered(): number {
    return this.reader.buffered
  }

  read(into: Uint8Array, options?: AcoWaitOptions): Promise<number> {
    if (this.over !== undefined) return Promise.reject(this.refusal())
    if (!(into instanceof Uint8Array)) return Promise.reject(invalid('read takes', 'a Uint8Array', into))
    return this.reader.readInto(into, options)
  }

  async readExact(count: number, options?: AcoWaitOptions): Promise<Buffer> {
    if (this.over !== undefined) throw this.refusal()
    return this.reader.readExact(count, options)
  }

  async readUntil(
    delimiter: string | Uint8Array,
    options?: AcoWaitOptions & { max?: number },
  ): Promise<Buffer> {
    if (this.over !== undefined) throw this.refusal()
    const bytes = typeof delimiter === 'string' ? Buffer.from(delimiter) : delimiter
    if (!(bytes instanceof Uint8Array)) throw invalid('readUntil takes', 'a string or bytes', delimiter)
    return this.reader.readUntil(bytes, options?.max ?? LINE_BYTES, options)
  }

  write(bytes: Uint8Array | string, options?: AcoWaitOptions): Promise<number> {
    try {
      return this.#toWrite(bytes, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async writeAll(bytes: Uint8Array | string, options?: AcoWaitOptions): Promise<void> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    let sent = 0
    try {
      const deadline = this.#writeDeadline(options)
      sent = await this.#toWrite(data, options, deadline)
      while (sent < data.length) sent += await this.writeSome(data.subarray(sent), deadline, options?.signal)
    } catch (error) {
      throw withBytesWritten(error, sent)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.over === 'ERR_EVENT_FREED') return
    try {
      if (this.over === undefined) await this.close()
    } finally {
      this.free()
    }
  }

  protected refusal(): HeddleError {
    const what = this.over === 'EBADF' ? 'the event has been closed' : 'the event has been freed or released'
    return new HeddleError(this.over as string, what)
  }

  /** Neither closed nor freed. */
  get isOpen(): boolean {
    return this.over === undefined
  }

  protected warnOpen(what: string): void {
    process.emitWarning(`an event of a coroutine was freed though ${what} is open; it stays open`, {
      type: 'HeddleWarning',
      code: 'HEDDLE_ACO_OPEN',
    })
  }

  /** Nobody may wait here. */
  protected assertIdle(): void {
    if (this.input.busy || this.output.busy) throw new HeddleError('EBUSY', 'a coroutine waits on this event')
  }

  /** It has been freed or released: it is nobody's, and nothing is left behind. */
  protected leave(): void {
    this.over = 'ERR_EVENT_FREED'
    this.input.point.disarm()
    this.output.disarm()
    this.#co = undefined
  }

  /** Waits for `closing`, which goes on also where waiting is over for the coroutine. */
  protected closed(closing: Promise<void>): Promise<void> {
    const { output } = this
    const wait = output.begin(this.#co as Coroutine, 'close')
    if (!output.busy) {
      wait.catch(ignore)
      return closing
    }
    closing.then(
      () => output.resolve(0),
      (error) => output.reject(error),
    )
    return wait as Promise<unknown> as Promise<void>
  }

  /** Waits until `output` is settled. */
  protected room(deadline: number, signal: AbortSignal | undefined): Promise<number> {
    return this.output.begin(this.#co as Coroutine, 'write', timeLeft(deadline), signal)
  }

  #toWrite(
    bytes: Uint8Array | string,
    options: AcoWaitOptions | undefined,
    deadline = this.#writeDeadline(options),
  ): Promise<number> {
    if (this.over !== undefined) throw this.refusal()
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    checkBytes(data)
    ;(this.#co as Coroutine).assertMayWait()
    options?.signal?.throwIfAborted()
    if (this.output.busy) throw new HeddleError('EBUSY', 'a write is waiting on this event')
    return this.writeSome(data, deadline, options?.signal)
  }

  #writeDeadline(options: AcoWaitOptions | undefined): number {
    return deadlineAfter(options?.timeout ?? this.writeTimeout)
  }
}

function withBytesWritten(error: unknown, sent: number): unknown {
  if (error instanceof HeddleError) error.bytesWritten = sent
  return error
}

function ignore(): void {}
