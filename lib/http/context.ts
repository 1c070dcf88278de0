import type { Port } from '../backend/port'
import type { Received } from '../net/received'
import type { ExchangeTable } from './exchange'
import type { TextCache } from './text-cache'

/** What every request and response of a server needs; most of it belongs to the port. */
export interface HttpContext {
  readonly port: Port
  readonly received: Received
  /** Request targets seen before. */
  readonly targets: TextCache
  /** Last value per known header. */
  readonly values: TextCache
  readonly exchanges: ExchangeTable
  /** `write` answers false above this many bytes a turn. */
  readonly highWaterBytes: number
}
