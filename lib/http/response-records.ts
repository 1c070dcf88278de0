import { BLOCK_BYTES, type Port } from '../backend/port'
import { Control, Out, RespondFlag } from '../backend/protocol'
import { putText } from '../net/slab'
import type { HeaderSet } from './header-set'

const FLAGS = RespondFlag.CLOSE | RespondFlag.HAS_DATE | RespondFlag.HAS_LENGTH

/**
 * One record for a whole response. At `offset` of the send slab lie `linesBytes` of header lines, then `bodyBytes`
 * of body. `word` is seq | status << 8.
 */
export function putResponse(
  port: Port,
  connection: number,
  word: number,
  flags: number,
  offset: number,
  linesBytes: number,
  bodyBytes: number,
): void {
  const at = port.begin(Out.HTTP_RESPOND, 7)
  const outbox = port.outbox
  outbox[at + 1] = connection
  outbox[at + 2] = word
  outbox[at + 3] = flags & FLAGS
  outbox[at + 4] = offset
  outbox[at + 5] = linesBytes
  outbox[at + 6] = bodyBytes
}

/** The head of a streamed response; `length` is that of its body, -1 for chunked. */
export function putHead(
  port: Port,
  connection: number,
  word: number,
  headers: HeaderSet,
  length: number,
): void {
  const offset = port.reserve(headers.length)
  headers.put(port.send, offset)
  port.control[Control.SEND_BYTES] = offset + headers.length
  const at = port.begin(Out.HTTP_HEAD, 8)
  const outbox = port.outbox
  outbox[at + 1] = connection
  outbox[at + 2] = word
  outbox[at + 3] = headers.flags & FLAGS
  outbox[at + 4] = offset
  outbox[at + 5] = headers.length
  double[0] = length
  outbox[at + 6] = doubleWords[0] as number
  outbox[at + 7] = doubleWords[1] as number
}

/** A part of the body: a copy, by reference if it is a block. */
export function putChunk(port: Port, connection: number, seq: number, bytes: Uint8Array): void {
  if (bytes.length >= BLOCK_BYTES) {
    port.engine.httpWriteBlock(connection, seq, bytes)
    return
  }
  const offset = port.reserve(bytes.length)
  port.send.set(bytes, offset)
  appendChunk(port, connection, seq, offset, bytes.length)
}

/** A part of the body in UTF-8. `offset` is what `placeText` gave. */
export function appendChunk(
  port: Port,
  connection: number,
  seq: number,
  offset: number,
  length: number,
): void {
  port.control[Control.SEND_BYTES] = offset + length
  const at = port.begin(Out.HTTP_CHUNK, 5)
  const outbox = port.outbox
  outbox[at + 1] = connection
  outbox[at + 2] = seq
  outbox[at + 3] = offset
  outbox[at + 4] = length
}

/** Writes header lines, and `line` behind them, where the next record takes them from. Answers the offset. */
export function placeLines(port: Port, headers: HeaderSet, line: string): number {
  const linesBytes = headers.length + line.length
  const offset = port.reserve(linesBytes)
  headers.put(port.send, offset)
  putText(port.send, offset + headers.length, line)
  port.control[Control.SEND_BYTES] = offset + linesBytes
  return offset
}

const double = new Float64Array(1)
const doubleWords = new Int32Array(double.buffer)
