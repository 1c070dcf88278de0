/**
 * What a worker thread of a queue runs, as text: so it is the same wherever and however the package itself is loaded; and
 * it is both a script and a module, as Node can be told to take text for either. One call at a time comes in; its value or
 * its error goes out. An error carries its name and its own properties beside it, which cloning drops; what cannot be
 * cloned at all is replaced by an error that says what it was.
 */
export const ASYNCH_SOURCE = `
async function work({ target, arg, phased }) {
  const run = (await import(target.module))[target.export]
  if (typeof run !== 'function') throw new TypeError(target.module + ' exports no function ' + target.export)
  if (!phased) return run(arg)
  let value
  let failure
  const step = (phase) => Promise.resolve().then(() => run(phase, arg))
  await step('work').then((result) => { value = result }, (error) => { failure = { error } })
  await step('cleanup').catch((error) => { failure ??= { error } })
  if (failure !== undefined) throw failure.error
  return value
}
function plain(error) {
  const copy = new Error(error instanceof Error ? error.message : String(error))
  if (error instanceof Error) copy.stack = error.stack
  return copy
}
async function answer(port, call) {
  try {
    port.postMessage({ value: await work(call) })
  } catch (error) {
    const name = error instanceof Error ? error.name : undefined
    try {
      // Cloning makes an empty object of these.
      if (error instanceof DOMException) throw error
      port.postMessage({ failed: true, error, name, own: { ...(name === undefined ? {} : error) } })
    } catch {
      const { code } = error ?? {}
      port.postMessage({ failed: true, error: plain(error), name, own: typeof code === 'string' ? { code } : {} })
    }
  }
}
import('node:worker_threads').then(({ parentPort }) => {
  parentPort.on('message', (call) => answer(parentPort, call))
})
`
