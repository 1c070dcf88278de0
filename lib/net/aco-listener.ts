import { aco, type Coroutine, kAdopt } from '../aco'
import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import { Loop } from '../eventer'
import type { AcoConnection } from './aco-connection'
import type { Connection, ConnectionHandlers } from './connection'
import type { PortHolder } from './options'

/** Serves one connection; the runtime closes and frees what it leaves open. */
export type AcoListenerFunction = (event: AcoConnection) => PromiseLike<void> | void

/** What the waits of a connection fail with when the peer or the clock is to blame, not the program. */
const OWN_FAILURES = new Set([
  'ETIME',
  'ECANCELED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_CLOSED',
  'ERR_END_OF_STREAM',
  'ERR_READ_LIMIT',
  'ERR_WRITE_OVERFLOW',
])

/** Callbacks of a listener whose connections each start a coroutine. `name` is that of the coroutines. (AC-28, LS-07) */
export function acoHandlers(loop: PortHolder, name: string, fn: AcoListenerFunction): ConnectionHandlers {
  if (typeof fn !== 'function') throw invalid('registerAco takes', 'a function', fn)
  if (!(loop instanceof Loop)) throw invalid('registerAco needs', 'listeners on a loop of an eventer', loop)
  let warned = false
  const warn = (): void => {
    if (warned) return
    warned = true
    process.emitWarning(
      `the coroutine function of listener ${name} returned without closing its connection`,
      {
        type: 'HeddleWarning',
        code: 'HEDDLE_ACO_NOT_CLOSED',
      },
    )
  }
  const serve = async (co: Coroutine): Promise<void> => {
    const connection = co.arg as Connection
    const event = connection[kAdopt](co)
    // What the function finds in `aco.arg()` is what it is called with.
    ;(co as { arg: unknown }).arg = event
    try {
      await fn(event)
      if (event.isOpen) warn()
    } catch (error) {
      const leaves = error instanceof HeddleError && error.code === 'ERR_ACO_EXIT'
      if (!leaves) connection.destroy()
      if (leaves || !isOwnFailure(error)) throw error
    } finally {
      await event[Symbol.asyncDispose]()
    }
  }
  const ownerOf = ({ home: { port } }: Connection): Loop =>
    port === loop.port ? loop : (loop.core.loops.find((other) => other.port === port) as Loop)
  return {
    onConnection: (connection) => void aco.start(serve, connection, { name, owner: ownerOf(connection) }),
  }
}

function isOwnFailure(error: unknown): boolean {
  return error instanceof HeddleError && OWN_FAILURES.has(error.code)
}
