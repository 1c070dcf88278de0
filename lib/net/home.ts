import type { Port } from '../backend/port'
import type { StreamLimits } from './options'
import type { Received } from './received'

/**
 * What the connections of one listener (or one `connect` call) have in common, kept once so that a connection
 * stays small.
 */
export class Home {
  readonly port: Port
  /** The view under delivery on this port. */
  readonly received: Received
  readonly highWaterBytes: number
  readonly limits: StreamLimits
  /** The options as the user gave them. */
  readonly config: unknown
  /** Open connections. */
  open = 0
  /** Called when the last open connection is gone. */
  onEmpty: (() => void) | undefined = undefined

  constructor(port: Port, received: Received, limits: StreamLimits, config: unknown) {
    this.port = port
    this.received = received
    this.highWaterBytes = limits.highWaterBytes
    this.limits = limits
    this.config = config
  }

  left(): void {
    this.open--
    if (this.open === 0) this.onEmpty?.()
  }
}
