import type { Port } from '../backend/port'
import { Out } from '../backend/protocol'
import { invalid } from '../arguments'
import { HeddleError, systemError } from '../errors'
import { type Endpoint, resolveEndpoints } from './address'
import { Connection, type ConnectionHandlers } from './connection'
import { NetDriver } from './driver'
import { HandlerSet } from './handlers'
import { Home } from './home'
import { type ConnectOptions, type PortHolder, connectSpec, streamLimits } from './options'
import { deadlineOf, Waiter, within } from './wait'

/**
 * Opens a connection. Every address of a host name is tried in turn; `timeout` covers them all.
 * Fails with the code of the resolver or the POSIX code of the last attempt, with ETIME, or with the reason of the
 * signal.
 */
export async function open(
  loop: PortHolder,
  options: ConnectOptions,
  handlers: ConnectionHandlers,
): Promise<Connection> {
  const deadline = deadlineOf(options)
  if (options.signal?.aborted === undefined && options.signal !== undefined)
    throw invalid('signal', 'is an AbortSignal', options.signal)
  options.signal?.throwIfAborted()
  let failure: unknown
  const found = await within(resolveEndpoints(options), 'connect', deadline, options.signal)
  for (const endpoint of found) {
    try {
      return await attempt(loop.port, endpoint, options, handlers, deadline)
    } catch (error) {
      failure = error
      if (!(error instanceof HeddleError) || error.isTimeout || options.signal?.aborted) break
    }
  }
  throw failure
}

/** Makes a connection of a connected, stream-type descriptor, which from here on is the connection's. */
export function adoptDescriptor(
  loop: PortHolder,
  fd: number,
  options: ConnectOptions,
  handlers: ConnectionHandlers,
): Connection {
  const port = loop.port
  const driver = NetDriver.of(port)
  const limits = streamLimits(options)
  const handle = port.engine.adopt(fd, connectSpec({ kind: 'tcp', host: '', port: 0 }, limits))
  if (handle < 0) throw systemError(handle, 'adopt')
  const home = new Home(port, driver.received, limits, options)
  return begin(driver, new Connection(handle, home, new HandlerSet(handlers)))
}

async function attempt(
  port: Port,
  endpoint: Endpoint,
  options: ConnectOptions,
  handlers: ConnectionHandlers,
  deadline: number,
): Promise<Connection> {
  const driver = NetDriver.of(port)
  const limits = streamLimits(options)
  const handle = port.engine.connect(connectSpec(endpoint, limits))
  if (handle < 0) throw systemError(handle, 'connect', describe(endpoint))
  const waiter = new Waiter('connect', deadline, options.signal)
  const home = new Home(port, driver.received, limits, options)
  const connection = new Connection(handle, home, new HandlerSet(handlers))
  driver.addConnect(handle, (errno) => {
    if (errno !== 0) return waiter.reject(systemError(errno, 'connect', describe(endpoint)))
    // In the table before the promise resolves: bytes may come with the same batch.
    try {
      begin(driver, connection)
    } finally {
      waiter.resolve()
    }
  })
  try {
    await waiter.promise
  } catch (error) {
    driver.dropConnect(handle)
    port.push1(Out.DESTROY, handle)
    throw error
  }
  return connection
}

function begin(driver: NetDriver, connection: Connection): Connection {
  connection.home.open++
  driver.add(connection)
  connection.opened()
  return connection
}

function describe(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`
}
