import { errnoNumber } from '../../../errors'

/** What a native job answers: a number, and bytes where it has some. */
export interface NativeAnswer {
  readonly number: number
  readonly bytes: Uint8Array | undefined
}

/**
 * The twin of a native function. `stopped` tells whether the job was asked to stop; it looks between pieces of its work and
 * fails with ECANCELED. Rejects with a NativeFailure and nothing else.
 */
export type NativeTwin = (input: Uint8Array, stopped: () => boolean) => Promise<NativeAnswer>

/** How a native job fails: a negative error number, and words where the number alone does not say it. */
export class NativeFailure extends Error {
  constructor(
    readonly errno: number,
    readonly text = '',
  ) {
    super(text)
  }
}

export function failure(code: string, text = ''): NativeFailure {
  return new NativeFailure(-errnoNumber(code), text)
}

/** As much is read, written or computed at a time, so that a job can be stopped in between. */
export const PIECE_BYTES = 1 << 20

export function checkStopped(stopped: () => boolean): void {
  if (stopped()) throw failure('ECANCELED')
}

/** Of an error that Node threw: its number, which for system errors it has. */
export function asFailure(error: unknown): NativeFailure {
  if (error instanceof NativeFailure) return error
  // An array that there is no memory for.
  if (error instanceof RangeError) return failure('ENOMEM')
  const { errno, code } = error as { errno?: unknown; code?: unknown }
  if (typeof errno === 'number' && errno < 0) return new NativeFailure(errno)
  const known = typeof code === 'string' ? errnoNumber(code) : 0
  return new NativeFailure(known === 0 ? -errnoNumber('EIO') : -known, String(error))
}

/** The bytes as an answer: memory of their own, which a small Buffer's is not. */
export function answerOf(bytes: Uint8Array): NativeAnswer {
  const whole = bytes.byteLength === bytes.buffer.byteLength
  return { number: bytes.length, bytes: whole ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes) }
}
