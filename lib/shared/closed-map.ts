import type { SharedMapEngine } from '../backend/shared'
import { HeddleError } from '../errors'

function refuse(): never {
  throw new HeddleError('ERR_CLOSED', 'the map is closed')
}

/** In the place of the engine of a closed map: so no operation has to ask whether it is open. */
export const CLOSED_MAP: SharedMapEngine = {
  control: new Int32Array(4),
  scratch: new Uint8Array(0),
  get: refuse,
  has: refuse,
  set: refuse,
  delete: refuse,
  compareAndSet: refuse,
  increment: refuse,
  ttl: refuse,
  clear: refuse,
  scanOpen: refuse,
  scanNext: refuse,
  scanClose: () => {},
  stats: refuse,
  close: () => {},
}
