/**
 * The row of this isolate in the head of a Config: one for all readers it attaches, from the first on until the isolate ends or
 * the Config is closed.
 */
import { threadId } from 'node:worker_threads'
import { HeddleError } from '../../errors'
import { CLOSED_WORD, CURRENT, IDENTITY, IDENTITY_WORDS, readerAt, signAt } from './head'
import { claiming, showing } from './life'
import { run } from './pins'
import type { ConfigToken } from './token'
import { waitFor } from './wait'

/** By the identity of the Config. */
const SEATS = new Map<string, Seat>()

export class Seat {
  readonly token: ConfigToken
  readonly words: Int32Array
  readonly row: number
  readonly #identity: string

  /** @throws HeddleError ERR_CONFIG_FULL, ERR_CLOSED. */
  static of(token: ConfigToken): Seat {
    const words = new Int32Array(token.head)
    if (Atomics.load(words, CURRENT) === CLOSED_WORD) throw closed()
    const identity = words.subarray(IDENTITY, IDENTITY + IDENTITY_WORDS).join()
    const known = SEATS.get(identity)
    if (known !== undefined) return known
    const seat = new Seat(token, words, identity)
    // Closed meanwhile: nobody would end its waits, nor is there anything to read.
    if (Atomics.load(words, CURRENT) === CLOSED_WORD) throw closed()
    SEATS.set(identity, seat)
    return seat
  }

  private constructor(token: ConfigToken, words: Int32Array, identity: string) {
    this.token = token
    this.words = words
    this.#identity = identity
    const row = run(claiming(words, threadId, (word, row) => this.#wait(word, row)))
    if (row === undefined)
      throw new HeddleError('ERR_CONFIG_FULL', 'too many isolates read the configuration')
    this.row = row
  }

  #wait(word: number, row: number): boolean {
    return waitFor(this.words, word, 0, () => this.#woken(word, row))
  }

  #woken(word: number, row: number): void {
    if (Atomics.load(this.words, CURRENT) === CLOSED_WORD) SEATS.delete(this.#identity)
    else if (Atomics.load(this.words, readerAt(row)) === threadId + 1)
      run(showing(this.words, row, word - signAt(row, 0), (again) => this.#wait(again, row)))
  }
}

export function closed(): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the configuration is no longer shared')
}
