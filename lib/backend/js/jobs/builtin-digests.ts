import { createHash, type Hash } from 'node:crypto'
import { RequestReader } from '../../builtin-jobs'
import { answerOf, checkStopped, failure, type NativeAnswer, PIECE_BYTES } from './builtin-twin'

/** Checksums of bytes: CRC-32C by tables, and what OpenSSL has. */

const POLYNOMIAL = 0x82f63b78

/** For one byte, then with one, two, three further bytes after it. */
const TABLE_0 = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  return crc
})
const TABLE_1 = TABLE_0.map(followed)
const TABLE_2 = TABLE_1.map(followed)
const TABLE_3 = TABLE_2.map(followed)

function followed(crc: number): number {
  return (crc >>> 8) ^ (TABLE_0[crc & 255] as number)
}

/** `crc` is that of the bytes before these, 0 at the beginning. */
export function crc32c(crc: number, bytes: Uint8Array): number {
  let state = ~crc
  let at = 0
  for (const end = bytes.length - 3; at < end; at += 4) {
    state ^= at4(bytes, at)
    state =
      (TABLE_3[state & 255] as number) ^
      (TABLE_2[(state >>> 8) & 255] as number) ^
      (TABLE_1[(state >>> 16) & 255] as number) ^
      (TABLE_0[state >>> 24] as number)
  }
  for (; at < bytes.length; at++) {
    state = (state >>> 8) ^ (TABLE_0[(state ^ (bytes[at] as number)) & 255] as number)
  }
  return ~state >>> 0
}

export async function checksum(input: Uint8Array, stopped: () => boolean): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  let crc = request.number()
  const bytes = request.rest()
  if (!request.ok) throw failure('EINVAL')
  for await (const piece of piecesOf(bytes, stopped)) crc = crc32c(crc, piece)
  return { number: crc, bytes: undefined }
}

export async function digest(input: Uint8Array, stopped: () => boolean): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const name = request.text()
  const bytes = request.rest()
  if (!request.ok) throw failure('EINVAL')
  const hash = hashOf(name)
  for await (const piece of piecesOf(bytes, stopped)) hash.update(piece)
  return answerOf(hash.digest())
}

function hashOf(name: string): Hash {
  try {
    return createHash(name)
  } catch {
    throw failure('EINVAL')
  }
}

/** Lets the isolate do other things between them. */
async function* piecesOf(bytes: Uint8Array, stopped: () => boolean): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve))
    checkStopped(stopped)
    yield bytes.subarray(at, at + PIECE_BYTES)
  }
}

function at4(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
