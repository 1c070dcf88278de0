import { execFileSync } from 'node:child_process'
import { LineProcess } from './lines.mjs'
import { LOAD_CORE, pinned } from './pin.mjs'
import { referenceProgram } from './reference.mjs'

const OPEN_TIMEOUT_MS = 60_000

/** Descriptors a process may have at most; Node and the reference programs raise themselves to it. */
export function descriptorLimit() {
  const text = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
  return text === 'unlimited' ? Infinity : Number(text)
}

/**
 * Opens connections and keeps them. `exchange` is what each of them does once: 'none', 'echo' or 'http'. The result
 * closes them all by `release`, which fails if the server had closed one of them meanwhile.
 */
export async function holdConnections(port, count, exchange) {
  const args = [port, count, exchange].map(String)
  const [command, pinnedArgs] = pinned(LOAD_CORE, referenceProgram('idle_open'), args)
  const opener = new LineProcess('idle_open', command, pinnedArgs)
  try {
    const { errors } = await opener.ask(undefined, OPEN_TIMEOUT_MS)
    if (errors > 0) throw new Error(`${errors} of ${count} connections got no answer`)
  } catch (error) {
    await opener.stop()
    throw error
  }
  const release = async () => {
    await opener.stop()
    const { lost } = await opener.ask()
    if (lost > 0) throw new Error(`the server closed ${lost} of ${count} idle connections`)
  }
  return { release }
}
