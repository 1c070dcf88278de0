import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import { ByteQueue } from '../io/byte-queue'
import { Waiter } from '../net/wait'
import type { HttpContext } from './context'
import type { Exchange } from './exchange'
import { HttpError } from './http-error'

/** Body bytes held for `for await` before the client is pushed back. */
const HELD_BYTES = 65536
const EMPTY = Buffer.alloc(0)

/** Takes a part of a request body: a view that is valid until the callback returns, and whether it is the last. */
export type BodyCallback = (view: Buffer, last: boolean) => void

/**
 * The body of one request where it does not come whole with the head, or is read after the handler has returned.
 * Nothing is delivered before somebody asks. May be consumed once.
 */
export class RequestBody {
  readonly #context: HttpContext
  readonly #connection: number
  readonly #seq: number
  readonly #queue = new ByteQueue()
  #used = false
  #ended: boolean
  #paused = true
  #callback: BodyCallback | undefined = undefined
  #waiter: Waiter | undefined = undefined
  #error: HeddleError | undefined = undefined
  /** More than this makes a collecting read fail. */
  #limit = Infinity
  #exchange: Exchange | undefined = undefined

  /** `whole`: the complete body, owned; undefined if it is still to come. */
  constructor(context: HttpContext, connection: number, seq: number, whole: Buffer | undefined) {
    this.#context = context
    this.#connection = connection
    this.#seq = seq
    this.#ended = whole !== undefined
    if (whole !== undefined) this.#queue.push(whole)
  }

  /** A read is under way that needs more records. */
  get reading(): boolean {
    return this.#used && !this.#ended
  }

  /** From here on records come through `exchange`. */
  listed(exchange: Exchange): void {
    this.#exchange = exchange
    exchange.reading = this.reading
  }

  each(callback: BodyCallback): void {
    this.#use()
    if (this.#ended) {
      callback(this.#queue.take(this.#queue.size), true)
      return
    }
    this.#callback = callback
    this.#resume()
  }

  async collect(limit: number): Promise<Buffer> {
    this.#use()
    this.#limit = limit
    while (!this.#ended && this.#queue.size <= limit) await this.#more()
    if (this.#error !== undefined) throw this.#error
    if (this.#queue.size > limit) throw this.#tooLarge(limit)
    return this.#queue.take(this.#queue.size)
  }

  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    this.#use()
    try {
      for (;;) {
        const chunk = this.#queue.shift()
        if (chunk !== undefined) yield chunk
        else if (this.#error !== undefined) throw this.#error
        else if (this.#ended) return
        else await this.#more()
      }
    } finally {
      if (!this.#ended) this.#abandon()
    }
  }

  /** HTTP_BODY. */
  record(offset: number, length: number, last: boolean): void {
    if (this.#ended) return
    if (last) this.#over()
    const view = length === 0 ? EMPTY : this.#context.received.at(offset, length)
    if (this.#callback !== undefined) {
      this.#callback(view, last)
      return
    }
    this.#queue.push(Buffer.from(view))
    if (!last && this.#queue.size >= Math.max(HELD_BYTES, Math.min(this.#limit, 2 ** 31)) && !this.#paused) {
      this.#paused = true
      this.#context.port.push2(Out.HTTP_BODY_PAUSE, this.#connection, this.#seq)
    }
    this.#waiter?.resolve()
  }

  /** The client is gone. */
  gone(error: HeddleError): void {
    if (this.#ended) return
    this.#error = error
    this.#over()
    this.#waiter?.resolve()
  }

  #use(): void {
    if (this.#used) throw new HeddleError('ERR_BODY_USED')
    this.#used = true
    if (this.#exchange !== undefined) this.#exchange.reading = !this.#ended
  }

  #over(): void {
    this.#ended = true
    const exchange = this.#exchange
    if (exchange === undefined) return
    exchange.reading = false
    this.#context.exchanges.settle(exchange)
  }

  async #more(): Promise<void> {
    this.#resume()
    this.#waiter = new Waiter('body', Infinity)
    await this.#waiter.promise
    this.#waiter = undefined
  }

  #resume(): void {
    if (!this.#paused || this.#ended) return
    if (this.#exchange?.listed === false) {
      this.gone(new HeddleError('ERR_STALE_VIEW', 'the body was discarded when the request was answered'))
      return
    }
    this.#paused = false
    this.#context.port.push2(Out.HTTP_BODY_RESUME, this.#connection, this.#seq)
  }

  /** The reader lost interest: what still comes is not kept. */
  #abandon(): void {
    this.#queue.clear()
    if (!this.#paused) this.#context.port.push2(Out.HTTP_BODY_PAUSE, this.#connection, this.#seq)
    this.#over()
  }

  #tooLarge(limit: number): HttpError {
    if (!this.#ended) this.#abandon()
    this.#queue.clear()
    return new HttpError(413, 'ERR_BODY_TOO_LARGE', `the body exceeds ${limit} bytes`)
  }
}
