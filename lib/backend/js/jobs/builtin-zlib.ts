import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { DeflateFormat, MAX_ANSWER_BYTES, RequestReader } from '../../builtin-jobs'
import { answerOf, checkStopped, failure, type NativeAnswer, NativeFailure } from './builtin-twin'

/** Compression by Node's zlib, bounded as natively. */

type Run = (bytes: Uint8Array, options: zlib.ZlibOptions) => Promise<Uint8Array>

const DEFLATE: Readonly<Record<number, Run>> = {
  [DeflateFormat.GZIP]: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gzip),
  [DeflateFormat.ZLIB]: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.deflate),
  [DeflateFormat.RAW]: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.deflateRaw),
}

const INFLATE: Readonly<Record<number, Run>> = {
  [DeflateFormat.GZIP]: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip),
  [DeflateFormat.ZLIB]: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflate),
  [DeflateFormat.RAW]: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflateRaw),
}

export async function deflateBytes(input: Uint8Array, stopped: () => boolean): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const run = DEFLATE[request.number()]
  const level = request.number() | 0
  const bytes = request.rest()
  if (!request.ok || run === undefined || level < -1 || level > 9) throw failure('EINVAL')
  return answer(run, bytes, { level }, stopped)
}

export async function inflateBytes(input: Uint8Array, stopped: () => boolean): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const run = INFLATE[request.number()]
  const maxBytes = request.large()
  const bytes = request.rest()
  if (!request.ok || run === undefined || maxBytes > MAX_ANSWER_BYTES) throw failure('EINVAL')
  // Node allows no limit of 0; one byte more shows the same.
  const given = await answer(run, bytes, { maxOutputLength: Math.max(maxBytes, 1) }, stopped)
  if ((given.bytes?.length ?? 0) > maxBytes) throw failure('EFBIG')
  return given
}

async function answer(
  run: Run,
  bytes: Uint8Array,
  options: zlib.ZlibOptions,
  stopped: () => boolean,
): Promise<NativeAnswer> {
  checkStopped(stopped)
  try {
    const out = await run(bytes, options)
    checkStopped(stopped)
    return answerOf(out)
  } catch (error) {
    throw failureOf(error)
  }
}

function failureOf(error: unknown): NativeFailure {
  if (error instanceof NativeFailure) return error
  const { code, message } = error as NodeJS.ErrnoException
  // Node's own range error has a code; that of an array that there is no memory for has none.
  if (error instanceof RangeError) return failure(code === undefined ? 'ENOMEM' : 'EFBIG')
  return code === 'Z_MEM_ERROR' ? failure('ENOMEM') : failure('EBADMSG', message)
}
