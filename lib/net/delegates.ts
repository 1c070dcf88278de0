import { HeddleError } from '../errors'
import type { Connection, ConnectionHandlers } from './connection'
import { HandlerSet } from './handlers'

const CODE_BYTES = 4

/** Who may use a delegate. */
export interface DelegateOptions {
  /** Asked before the delegate gets the connection; false closes it. */
  readonly permit?: (connection: Connection) => boolean
}

interface Delegate {
  readonly handlers: HandlerSet<Connection>
  readonly permit: ((connection: Connection) => boolean) | undefined
}

/**
 * One port for several protocols: the first four bytes of a connection, read as a big-endian number, choose who
 * serves it. The delegate sees the stream from the fifth byte on. Unknown codes are closed. (LS-06)
 */
export class Delegates {
  readonly #byCode = new Map<number, Delegate>()
  /** What slow senders have sent of their code. */
  readonly #begun = new WeakMap<Connection, Buffer>()

  /** ERR_NAME_TAKEN if the code belongs to another delegate. */
  add(code: number, handlers: ConnectionHandlers, options: DelegateOptions = {}): void {
    if (!Number.isInteger(code) || code < 0 || code > 0xffffffff) {
      throw new HeddleError('ERR_INVALID_ARGUMENT', `a code is four bytes, not ${code}`)
    }
    if (this.#byCode.has(code))
      throw new HeddleError('ERR_NAME_TAKEN', `code 0x${code.toString(16)} is taken`)
    this.#byCode.set(code, { handlers: new HandlerSet(handlers), permit: options.permit })
  }

  /** Callbacks for the listener: they read the code and hand the connection on. */
  readonly handlers: ConnectionHandlers = {
    onData: (connection, view) => this.#dispatch(connection, view),
  }

  #dispatch(connection: Connection, view: Buffer): void {
    const head = this.#head(connection, view)
    if (head === undefined) return
    const delegate = this.#byCode.get(head.readUInt32BE(0))
    if (delegate === undefined || !isPermitted(delegate, connection)) {
      connection.destroy()
      return
    }
    // The codes of slow senders come in pieces; all but the last piece are in `head` alone.
    const rest = view.subarray(view.length - (head.length - CODE_BYTES))
    connection.adoptHandlers(delegate.handlers)
    connection.opened()
    if (rest.length === 0 || connection.closing) return
    const { onData, owner } = delegate.handlers
    if (onData === undefined) connection.unread(Buffer.from(rest))
    else onData.call(owner, connection, rest)
  }

  /** What has arrived of this connection once the code is complete. */
  #head(connection: Connection, view: Buffer): Buffer | undefined {
    const before = this.#begun.get(connection)
    const head = before === undefined ? view : Buffer.concat([before, view])
    if (head.length < CODE_BYTES) {
      this.#begun.set(connection, Buffer.from(head))
      return undefined
    }
    this.#begun.delete(connection)
    return head
  }
}

/** Asked once: a permit that throws has refused, or the next bytes would be taken for a code. */
function isPermitted({ permit }: Delegate, connection: Connection): boolean {
  try {
    return permit?.(connection) !== false
  } catch (error) {
    connection.destroy()
    throw error
  }
}
