import { MAX_KEY_BYTES, type SharedKey } from '../backend/shared'
import { errnoNumber, HeddleError, systemError } from '../errors'

/** Why a structure could not be opened. */
export function openFailure(kind: string, name: string, errno: number): HeddleError {
  const call = `${kind}.open`
  const because: Record<number, string> = {
    [errnoNumber('EINVAL')]: 'it is open with other options',
    [errnoNumber('ETIME')]:
      'the main thread did not answer; it must have loaded heddle and run its event loop',
    [errnoNumber('EMFILE')]: 'it is held too often',
  }
  const reason = because[-errno]
  const plain = systemError(errno, call, name)
  if (reason === undefined) return plain
  return new HeddleError(plain.code, `${call} '${name}': ${reason}`, { errno, syscall: call })
}

/** Why a value could not be stored. */
export function storeFailure(errno: number, key: SharedKey): HeddleError {
  if (errno === -errnoNumber('EBADF')) return new HeddleError('ERR_CLOSED', 'the map is closed')
  if (errno === -errnoNumber('EINVAL')) {
    return new HeddleError('EINVAL', 'increment: the value is not a number', { errno })
  }
  if (errno !== -errnoNumber('E2BIG')) return systemError(errno, 'set')
  return new HeddleError(keyBytes(key) > MAX_KEY_BYTES ? 'ERR_KEY_TOO_LARGE' : 'ERR_VALUE_TOO_LARGE')
}

/** As engines store it: a byte for each unit of text if all fit, else two. */
function keyBytes(key: SharedKey): number {
  if (typeof key !== 'string') return key.length
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 255) return key.length * 2
  return key.length
}
