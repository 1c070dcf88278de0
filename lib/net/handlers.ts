import type { HeddleError } from '../errors'

/**
 * Callbacks of connections. One object serves a whole listener; assign `connection.handlers` to change those of one
 * connection. An exception in a callback is reported as an uncaught one.
 */
export interface Handlers<C> {
  /**
   * The connection is there. Without `onData` it may be async: the connection is closed when the promise settles
   * (destroyed if it rejects).
   */
  onConnection?(connection: C): void | Promise<void>
  /**
   * Bytes arrived. `view` lies in the receive slab: it is valid until the callback returns. Keep it with
   * `Buffer.from(view)`. `connection.write(view)` sends it without a copy.
   */
  onData?(connection: C, view: Buffer): void
  /** The peer will send no more. */
  onEnd?(connection: C): void
  /** Output fell below the low-water mark after a `write` that answered false. */
  onDrain?(connection: C): void
  /** The connection failed; `onClose` follows. */
  onError?(connection: C, error: HeddleError): void
  /** The connection is gone. `error` tells why unless both sides ended it. */
  onClose?(connection: C, error: HeddleError | undefined): void
}

/** The callbacks of a user's object in one shape, so that calling them stays monomorphic. */
export class HandlerSet<C> {
  /** The user's object, `this` of the callbacks. */
  readonly owner: Handlers<C>
  readonly onConnection: Handlers<C>['onConnection']
  readonly onData: Handlers<C>['onData']
  readonly onEnd: Handlers<C>['onEnd']
  readonly onDrain: Handlers<C>['onDrain']
  readonly onError: Handlers<C>['onError']
  readonly onClose: Handlers<C>['onClose']

  constructor(owner: Handlers<C>) {
    this.owner = owner
    this.onConnection = owner.onConnection
    this.onData = owner.onData
    this.onEnd = owner.onEnd
    this.onDrain = owner.onDrain
    this.onError = owner.onError
    this.onClose = owner.onClose
  }
}
