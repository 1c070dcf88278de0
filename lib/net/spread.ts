import { flag } from '../arguments'
import type { AddressInfo, Backend } from '../backend/backend'
import { HeddleError, checkResult } from '../errors'
import { type Endpoint, resolveEndpoints } from './address'
import type { ListenOptions } from './options'

/** What one of several loops is told: as the user's options, and where it shares the socket of another one. */
export type SocketOptions = Omit<ListenOptions, 'loop' | 'pool'> & { readonly share?: number }

/** A socket that listens for one of the loops. */
export interface SpreadSocket {
  readonly address: AddressInfo
  /** See `ListenSpec.share`. */
  readonly share: number
  close(): Promise<void>
}

/**
 * Has every place listen on one address: by sockets of their own where the system spreads connections over those, else by
 * one socket that they share. Fails as the first one that fails does, and leaves none behind.
 */
export async function spread<P, S extends SpreadSocket>(
  backend: Backend,
  places: readonly P[],
  options: SocketOptions,
  open: (place: P, options: SocketOptions) => Promise<S>,
): Promise<S[]> {
  const [first, ...others] = places as [P, ...P[]]
  if (others.length === 0) return [await open(first, options)]
  const ownSockets = await hasOwnSockets(backend, options)
  const opened = [await open(first, ownSockets ? { ...options, reusePort: true } : options)]
  const { address, share } = opened[0] as S
  const next = { ...atAddress(options, address), ...(ownSockets ? { reusePort: true } : { share }) }
  try {
    for (const place of others) opened.push(await open(place, next))
    return opened
  } catch (error) {
    await Promise.all(opened.map((socket) => socket.close()))
    throw error
  }
}

/** Where another one listens, whatever the options said. */
export function atAddress(options: SocketOptions, { family, address, port }: AddressInfo): SocketOptions {
  return family === 'unix' ? { ...options, path: address } : { ...options, address, port }
}

/**
 * Whether each place has a socket of its own. A port that is given must be free then, unless the user wants it shared:
 * sockets of ours share it with those of any other process of this user that asks for the same.
 */
export async function hasOwnSockets(backend: Backend, options: SocketOptions): Promise<boolean> {
  if (!backend.capabilities.reusePort) return false
  const endpoint = (await resolveEndpoints(options))[0] as Endpoint
  if (endpoint.kind !== 'tcp') return false
  if (endpoint.port === 0 || options.reusePort) return true
  const { host, port } = endpoint
  const ipv6Only = flag('ipv6Only', options.ipv6Only, false)
  checkResult(backend.sys.tryBind({ ...endpoint, ipv6Only }), 'listen', `${host}:${port}`)
  return true
}

/** Where loops of several isolates can neither share a socket nor have one each. */
export function assertSharable(backend: Backend, places: number): void {
  if (places === 1 || backend.capabilities.backend === 'native') return
  throw new HeddleError('ERR_NATIVE_REQUIRED', 'listening in several workers needs the native backend')
}
