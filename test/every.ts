/** Calls again and again for as long as it is in scope: `using _ = every(40, …)`, whatever ends the scope. */
export function every(ms: number, call: () => void): Disposable {
  const timer = setInterval(call, ms)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
