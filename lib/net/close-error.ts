import { CloseReason } from '../backend/protocol'
import { errnoName, HeddleError } from '../errors'

/** Why a connection ended, undefined if both sides agreed to. */
export function closeError(errno: number, reason: number): HeddleError | undefined {
  switch (reason) {
    case CloseReason.IDLE:
      return new HeddleError('ETIME', 'the connection was idle for too long')
    case CloseReason.OVERFLOW:
      return new HeddleError('ERR_WRITE_OVERFLOW', 'the peer takes too little of the output')
  }
  if (errno === 0) return undefined
  return new HeddleError(errnoName(errno), `the connection failed: ${errnoName(errno)}`, {
    errno: -Math.abs(errno),
  })
}
