/** What a synchronous call cannot wait for. Reading `then` of a foreign object may throw. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as PromiseLike<unknown>).then === 'function'
}

/** Takes over what becomes of something thenable, whatever its getters do: `Promise.resolve` would read `constructor`, and may throw. */
export function promiseOf(value: unknown): Promise<unknown> {
  return new Promise((resolve) => resolve(value))
}
