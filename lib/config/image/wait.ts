/** Waits for a word of shared memory to change without blocking. Where the engine cannot, nobody is told. */
type Waiting = { readonly async: false } | { readonly async: true; readonly value: Promise<string> }
type WaitAsync = (words: Int32Array, index: number, value: number) => Waiting

const waitAsync = (Atomics as { waitAsync?: WaitAsync }).waitAsync

/**
 * Calls after each change until `stopped` says so. Waiting keeps no program alive. A change that comes while `changed` runs is
 * seen after it.
 */
export async function watchWord(
  words: Int32Array,
  index: number,
  changed: () => void,
  stopped: () => boolean,
): Promise<void> {
  if (waitAsync === undefined) return
  let seen = Atomics.load(words, index)
  while (!stopped()) {
    const waiting = waitAsync(words, index, seen)
    if (waiting.async) await waiting.value
    const now = Atomics.load(words, index)
    if (now === seen) continue
    seen = now
    if (!stopped()) changed()
  }
}
