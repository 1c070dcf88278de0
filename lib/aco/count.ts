/** Counts below this have their promise kept: the sizes of messages, not of files. */
const KEPT = 4096

const promises: (Promise<number> | undefined)[] = []

/**
 * A promise that is fulfilled with `count`. Those of small counts are made once and shared: where a write need not wait, its
 * promise would be all that it allocates.
 */
export function fulfilled(count: number): Promise<number> {
  if (count >= KEPT) return Promise.resolve(count)
  // Filled up rather than left with holes, so that the array stays a packed one.
  while (promises.length <= count) promises.push(undefined)
  const kept = promises[count]
  if (kept !== undefined) return kept
  const made = Promise.resolve(count)
  promises[count] = made
  return made
}
