import { spawnSync } from 'node:child_process'
import { lstatSync, unlinkSync } from 'node:fs'
import net, { type Server } from 'node:net'
import type { ListenSpec } from '../backend'
import { errno } from './errno'

export type BindSpec = Pick<ListenSpec, 'kind' | 'host' | 'port' | 'path' | 'backlog'> & {
  ipv6Only?: boolean
}

/** The part of Node's listening handles that is used here. */
interface ServerHandle {
  close(): void
  getsockname?(out: object): number
}
type CreateHandle = (
  address: string,
  port: number,
  type: 4 | 6 | -1,
  fd?: number,
  flags?: number,
) => ServerHandle | number

/**
 * Node's own way to make a bound handle. `server.listen({ host })` looks the host up and reports a taken port
 * only later; a listen call that returns its errno at once needs the handle.
 */
const createHandle = (net as unknown as { _createServerHandle: CreateHandle })._createServerHandle
const UV_TCP_IPV6ONLY = 1
const PROBE_MS = 5000

/** Makes `server` listen. Returns 0, or a negative errno and leaves the server unused. */
export function bindServer(server: Server, spec: BindSpec): number {
  const handle = spec.kind === 'unix' ? bindUnix(spec.path) : bindTcp(spec)
  if (typeof handle === 'number') return handle
  // Node reports a failure of listen(2) later through 'error'; the caller has a listener for it. It also
  // tells by having dropped the handle.
  server.listen(handle as never, spec.backlog)
  return server.listening ? 0 : -errno.EADDRINUSE
}

function bindTcp(spec: BindSpec): ServerHandle | number {
  const family = net.isIP(spec.host ?? '')
  if (family === 0) return -errno.EINVAL
  const flags = family === 6 && spec.ipv6Only ? UV_TCP_IPV6ONLY : 0
  const handle = createHandle(spec.host as string, spec.port ?? 0, family as 4 | 6, undefined, flags)
  if (typeof handle === 'number') return handle
  // libuv keeps EADDRINUSE of bind(2) for later; asking for the name brings it out.
  const delayed = handle.getsockname?.({}) ?? 0
  if (delayed === 0) return handle
  handle.close()
  return delayed
}

function bindUnix(path: string | undefined): ServerHandle | number {
  if (!path) return -errno.EINVAL
  const handle = createHandle(path, -1, -1)
  if (handle !== -errno.EADDRINUSE) return handle
  const obstacle = removeStale(path)
  return obstacle !== 0 ? obstacle : createHandle(path, -1, -1)
}

/** Removes the socket a dead process left (LS-02): only a socket, and only when nobody answers behind it. */
function removeStale(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  if (!stat.isSocket()) return -errno.EEXIST
  if (isAnswered(path)) return -errno.EADDRINUSE
  try {
    unlinkSync(path)
    return 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -errno.EACCES
  }
}

const PROBE = `
const socket = require('node:net').connect(process.argv[1])
socket.on('connect', () => process.exit(0))
socket.on('error', (error) => process.exit(error.code === 'ECONNREFUSED' ? 3 : 0))`

/**
 * Node cannot connect synchronously, so a child does. Any answer but a refusal counts as somebody being
 * there.
 */
function isAnswered(path: string): boolean {
  const probe = spawnSync(process.execPath, ['-e', PROBE, path], { timeout: PROBE_MS, stdio: 'ignore' })
  return probe.status !== 3
}
