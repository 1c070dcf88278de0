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
  /** Infinity where there is no limit. */
  readonly highWaterBytes: number
  readonly limits: StreamLimits
  /** The options as the user gave them. */
  readonly config: unknown
  /** Open connections. */
  open = 0
  #waiting: (() => void)[] = []

  constructor(port: Port, received: Received, limits: StreamLimits, config: unknown) {
    this.port = port
    this.received = received
    this.highWaterBytes = limits.highWaterBytes || Infinity
    this.limits = limits
    this.config = config
  }

  left(): void {
    this.open--
    if (this.open > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves when no connection is open. */
  whenEmpty(): Promise<void> {
    if (this.open === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
