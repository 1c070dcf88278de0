import { isBlank, isToken, isValue } from './http-chars'

const CR = 13
const LF = 10
const SEMICOLON = 59
const COLON = 58

/** Leading zeros included. */
const MAX_SIZE_DIGITS = 16

type State =
  | 'size-start'
  | 'size'
  | 'blank'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer-start'
  | 'trailer-name'
  | 'trailer-value'
  | 'trailer-lf'
  | 'end-lf'
  | 'end'
  | 'bad'

/** What one step made of the input. */
export interface ChunkStep {
  /** Bytes dealt with. */
  readonly consumed: number
  /** Body bytes among them, ending at `consumed`. */
  readonly dataLength: number
  readonly isDone: boolean
  readonly isBad: boolean
}

/** Takes a chunked body apart, strictly; extensions and trailers are read over, up to a limit of bytes. */
export class ChunkedDecoder {
  readonly #maxExtraBytes: number
  #state: State = 'size-start'
  #remaining = 0
  #digits = 0
  #extraBytes = 0

  constructor(maxExtraBytes: number) {
    this.#maxExtraBytes = maxExtraBytes
  }

  /** Goes on to the next run of body bytes, the end, or the end of the input. */
  next(data: Uint8Array, from: number): ChunkStep {
    let at = from
    while (at < data.length && this.#state !== 'end' && this.#state !== 'bad') {
      if (this.#state === 'data') {
        const run = Math.min(this.#remaining, data.length - at)
        this.#remaining -= run
        if (this.#remaining === 0) this.#state = 'data-cr'
        return { consumed: at + run - from, dataLength: run, isDone: false, isBad: false }
      }
      this.#state = this.#advance(data[at++] as number)
    }
    const isDone = this.#state === 'end'
    return { consumed: at - from, dataLength: 0, isDone, isBad: this.#state === 'bad' }
  }

  #advance(byte: number): State {
    switch (this.#state) {
      case 'size-start':
      case 'size':
        return this.#inSize(byte)
      case 'blank':
      case 'extension':
        return this.#behindSize(byte)
      case 'size-lf':
        if (byte !== LF) return 'bad'
        return this.#remaining === 0 ? 'trailer-start' : 'data'
      case 'data-cr':
        return byte === CR ? 'data-lf' : 'bad'
      case 'data-lf':
        return byte === LF ? 'size-start' : 'bad'
      case 'trailer-start':
      case 'trailer-name':
      case 'trailer-value':
        return this.#inTrailer(byte)
      case 'trailer-lf':
        return byte === LF ? 'trailer-start' : 'bad'
      case 'end-lf':
        return byte === LF ? 'end' : 'bad'
      case 'data':
      case 'end':
      case 'bad':
        return 'bad'
    }
  }

  #inSize(byte: number): State {
    const digit = hexValue(byte)
    if (digit >= 0) {
      this.#remaining = this.#remaining * 16 + digit
      return ++this.#digits > MAX_SIZE_DIGITS || !Number.isSafeInteger(this.#remaining) ? 'bad' : 'size'
    }
    if (this.#state === 'size-start') return 'bad'
    this.#digits = 0
    return this.#behindSize(byte)
  }

  /** Blanks may stand only before the semicolon. */
  #behindSize(byte: number): State {
    if (this.#state === 'extension') {
      if (byte === CR) return 'size-lf'
      return isValue(byte) ? this.#extra('extension') : 'bad'
    }
    if (byte === SEMICOLON) return this.#extra('extension')
    if (isBlank(byte)) return this.#extra('blank')
    return byte === CR && this.#state === 'size' ? 'size-lf' : 'bad'
  }

  #inTrailer(byte: number): State {
    if (this.#state === 'trailer-start' && byte === CR) return 'end-lf'
    if (this.#state === 'trailer-value') {
      if (byte === CR) return 'trailer-lf'
      return isValue(byte) ? this.#extra('trailer-value') : 'bad'
    }
    if (isToken(byte)) return this.#extra('trailer-name')
    return byte === COLON && this.#state === 'trailer-name' ? this.#extra('trailer-value') : 'bad'
  }

  #extra(next: State): State {
    return ++this.#extraBytes > this.#maxExtraBytes ? 'bad' : next
  }
}

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
