import type { Port } from '../backend/port'
import type { Received } from '../net/received'
import type { ExchangeTable } from './exchange'
import type { TextCache } from './text-cache'

/** What every request and response of a server needs; most of it belongs to the port. */
export interface HttpContext {
  readonly port: Port
  readonly received: Received
  /** Request targets and values of unknown headers, seen before. */
  readonly texts: TextCache
  /** The last values per known header, VALUE_SLOTS of them. */
  readonly values: TextCache
  readonly exchanges: ExchangeTable
  /** `write` answers false above this many bytes a turn. */
  readonly highWaterBytes: number
}
