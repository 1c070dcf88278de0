import type { HeddleError } from '../errors'

/** Where a streamed body comes from. */
export type BodySource = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

/** Where it goes: a response. */
interface PumpTarget {
  write(chunk: string | Uint8Array): boolean
  drained(): Promise<void>
  onAbort(callback: (error: HeddleError) => void): unknown
}

type Chunks = AsyncIterator<string | Uint8Array> | Iterator<string | Uint8Array>

/**
 * Writes what `source` yields at the pace of the target. Rejects as soon as the target aborts, even while the source
 * has nothing to yield; the source is closed whenever it is not read to its end.
 */
export async function pump(target: PumpTarget, source: BodySource): Promise<void> {
  const chunks = open(source)
  try {
    await new Promise<void>((resolve, reject) => {
      target.onAbort(reject)
      carry(target, chunks).then(resolve, reject)
    })
  } catch (error) {
    // Not awaited: a generator in the middle of a wait closes when that is over.
    void close(chunks)
    throw error
  }
}

async function carry(target: PumpTarget, chunks: Chunks): Promise<void> {
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    if (!target.write(next.value)) await target.drained()
  }
}

/** What closing fails with must not hide why it had to be done. */
async function close(chunks: Chunks): Promise<void> {
  try {
    await chunks.return?.()
  } catch {}
}

function open(source: BodySource): Chunks {
  const { [Symbol.asyncIterator]: asynchronous } = source as AsyncIterable<string | Uint8Array>
  if (asynchronous !== undefined) return asynchronous.call(source)
  return (source as Iterable<string | Uint8Array>)[Symbol.iterator]()
}
