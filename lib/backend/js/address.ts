import type { Server, Socket } from 'node:net'
import type { AddressInfo } from '../backend'

function inet(address: string | undefined, family: string | number | undefined, port: number | undefined) {
  if (address === undefined) return undefined
  const isV6 = family === 'IPv6' || family === 6
  return { family: isV6 ? 'IPv6' : 'IPv4', address, port: port ?? 0 } as const
}

/** Address of a node:net socket; `path` stands in for a unix socket, whose peers Node does not name. */
export function socketAddress(socket: Socket, peer: boolean, path?: string): AddressInfo | undefined {
  if (socket.destroyed) return undefined
  if (path !== undefined) return { family: 'unix', address: path, port: 0 }
  if (peer) return inet(socket.remoteAddress, socket.remoteFamily, socket.remotePort)
  return inet(socket.localAddress, socket.localFamily, socket.localPort)
}

export function serverAddress(server: Server): AddressInfo | undefined {
  const address = server.address()
  if (address === null) return undefined
  if (typeof address === 'string') return { family: 'unix', address, port: 0 }
  return inet(address.address, address.family, address.port)
}
