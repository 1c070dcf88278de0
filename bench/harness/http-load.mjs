import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { LOAD_CORE, isInstalled, pinned } from './pin.mjs'

const runFile = promisify(execFile)
const SCRIPT = fileURLToPath(new URL('../load/answers.lua', import.meta.url))
const AUTOCANNON = fileURLToPath(new URL('../load/autocannon.mjs', import.meta.url))
const hasWrk = isInstalled('wrk')

/** Time beyond the load itself that the generator may take. */
const GRACE_MS = 15_000

function wrkCommand({ url, connections, seconds, pipelining = 1, headers = {}, body }) {
  const headerArgs = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${Math.ceil(seconds)}s`,
    '--latency',
    '-s',
    SCRIPT,
    ...headerArgs,
  ]
  return ['wrk', [...args, url, '--', String(pipelining), ...(body === undefined ? [] : [body])]]
}

function autocannonCommand({ url, connections, seconds, pipelining = 1, headers = {}, body }) {
  const method = body === undefined ? 'GET' : 'POST'
  const request = { url, connections, seconds: Math.ceil(seconds), pipelining, method, headers, body }
  return [process.execPath, [AUTOCANNON, JSON.stringify(request)]]
}

/**
 * Loads an HTTP server from the load core and returns `{ requests, seconds, p50Us, p99Us }`. An answer other than
 * 2xx or a socket error makes the whole run fail: a server that refuses is not a fast server.
 */
export async function loadHttp(load) {
  const [command, args] = pinned(LOAD_CORE, ...(hasWrk ? wrkCommand(load) : autocannonCommand(load)))
  const { stdout } = await runFile(command, args, { timeout: load.seconds * 1000 + GRACE_MS })
  const result = JSON.parse(stdout.trim().split('\n').at(-1))
  const { requests, badStatus, socketErrors } = result
  if (requests === 0) throw new Error(`${load.url}: no answer came`)
  if (badStatus > 0) throw new Error(`${load.url}: ${badStatus} answers other than 2xx`)
  if (socketErrors > 0) throw new Error(`${load.url}: ${socketErrors} socket errors`)
  return result
}
