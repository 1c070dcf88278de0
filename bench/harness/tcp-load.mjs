import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LOAD_CORE, pinned } from './pin.mjs'
import { referenceProgram } from './reference.mjs'

const runFile = promisify(execFile)

/** Time beyond the load itself that the generator may take. */
const GRACE_MS = 10_000

/**
 * Ping-pong from the load core: each connection has one message under way. Returns `{ messages, seconds, p50Us,
 * p99Us }`; a lost connection or a byte that came back changed makes the whole run fail.
 */
export async function loadTcp({ port, connections, bytes, seconds }) {
  const args = [port, connections, bytes, seconds].map(String)
  const [command, pinnedArgs] = pinned(LOAD_CORE, referenceProgram('tcp_ping'), args)
  const { stdout } = await runFile(command, pinnedArgs, { timeout: seconds * 1000 + GRACE_MS })
  const result = JSON.parse(stdout)
  if (result.errors > 0) throw new Error(`${result.errors} connections lost or bytes changed at ${bytes} B`)
  if (result.messages === 0) throw new Error(`no message came back at ${bytes} B`)
  return result
}
