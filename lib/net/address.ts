import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { invalid, shown } from '../arguments'
import { HeddleError } from '../errors'

/** Where to listen or connect, reduced to what an engine takes. */
export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** The ways to name an endpoint. `address` wins over `host`, `path` over both. */
export interface EndpointOptions {
  /** An IPv4 or IPv6 address or a host name. Default for listeners: 127.0.0.1. */
  readonly host?: string
  /**
   * The spellings of configuration files: an address, a host name, `*` and `inet:*` (every IPv4 address), `inet6:*`
   * (every IPv6 address), or a path that begins with `/`.
   */
  readonly address?: string
  readonly port?: number
  /** Path of a unix socket. */
  readonly path?: string
}

/**
 * Every endpoint the options may mean, in the order in which to try them. Fails with ERR_INVALID_ARGUMENT, or with
 * the code of the resolver (ENOTFOUND, EAI_AGAIN). (LS-02)
 */
export async function resolveEndpoints(options: EndpointOptions): Promise<Endpoint[]> {
  for (const name of ['path', 'address', 'host'] as const) checkText(name, options[name])
  const path = options.path ?? (options.address?.startsWith('/') ? options.address : undefined)
  if (path !== undefined) return [{ kind: 'unix', path: checkPath(path) }]
  const port = checkPort(options.port ?? 0)
  const host = spelledOut(options.address ?? options.host ?? '127.0.0.1')
  if (isIP(host) !== 0) return [{ kind: 'tcp', host, port }]
  const found = await lookup(host, { all: true }).catch(lookupFailed)
  return found.map(({ address }) => ({ kind: 'tcp', host: address, port }))
}

/** An empty name would be looked up, and mean every address to one system and none to another. */
function checkText(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && (value !== '' || name === 'path'))) return
  throw invalid(name, 'is a text that is not empty', value)
}

function lookupFailed(error: NodeJS.ErrnoException): never {
  const { code = 'ENOTFOUND', errno } = error
  const options = { syscall: 'getaddrinfo', cause: error, ...(errno !== undefined && { errno }) }
  throw new HeddleError(code, error.message, options)
}

export function checkPort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw invalid('a port', 'is an integer from 0 to 65535', port)
}

// Room in sockaddr_un, less the terminating zero; the smaller of the systems we run on.
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

function checkPath(path: string): string {
  const bytes = Buffer.byteLength(path)
  if (bytes > 0 && bytes <= MAX_PATH_BYTES && !path.includes('\0')) return path
  throw new HeddleError(
    'ERR_INVALID_ARGUMENT',
    `a socket path has 1 to ${MAX_PATH_BYTES} bytes: ${shown(path)}`,
  )
}

function spelledOut(address: string): string {
  switch (address) {
    case '*':
    case 'inet:*':
      return '0.0.0.0'
    case 'inet6:*':
      return '::'
  }
  if (address.startsWith('inet6:')) return address.slice(6)
  if (address.startsWith('inet:')) return address.slice(5)
  if (address.startsWith('[') && address.endsWith(']')) return address.slice(1, -1)
  return address
}
