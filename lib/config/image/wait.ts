/** Waits for words of shared memory to change without blocking, and without keeping a program alive. */
type Waiting = { readonly async: false } | { readonly async: true; readonly value: Promise<string> }

/** Newer than the types. */
const waitAsync = (
  Atomics as unknown as { waitAsync(words: Int32Array, index: number, value: number): Waiting }
).waitAsync

/** Calls once when somebody wakes the word. False, and no wait, if the word is not `value`. */
export function waitFor(words: Int32Array, index: number, value: number, woken: () => void): boolean {
  const waiting = waitAsync(words, index, value)
  if (!waiting.async) return false
  void waiting.value.then(woken)
  return true
}

/**
 * Calls after each change until `stopped` says so. A change that comes while `changed` runs is seen after it.
 */
export async function watchWord(
  words: Int32Array,
  index: number,
  changed: () => void,
  stopped: () => boolean,
): Promise<void> {
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
