import { errnoName, HeddleError, systemError } from '../errors'
import type { NativeRequest } from './native-requests'

/** What libuv calls "no such name", "no address" and "not in this family", which are one thing to whoever asks. */
const NOT_FOUND: ReadonlySet<number> = new Set([-3000, -3007, -3008])
/** Numbers that are libuv's and not the system's begin here. */
const RESOLVER = -3000

/**
 * The error of a native job as its caller knows it: with the operation, and the path or host that it is about. An error that the
 * queue has, and not the function, stays what it is.
 */
export function failureOf(error: unknown, { native, operation, subject }: NativeRequest): unknown {
  if (!(error instanceof HeddleError) || error.errno === undefined || error.syscall !== native) return error
  const { errno } = error
  const detail = subject === undefined ? undefined : `'${subject}'`
  if (errno <= RESOLVER && errno > RESOLVER - 100) return resolverError(errno, operation, subject)
  const plain = systemError(errno, operation, detail)
  const words = wordsOf(error, native)
  const message = words === '' ? plain.message : `${plain.code}: ${words}, ${operation}`
  const isFile = subject !== undefined && native.startsWith('heddle:file.')
  return new HeddleError(plain.code, message, {
    errno,
    syscall: operation,
    ...(isFile ? { path: subject } : {}),
  })
}

function resolverError(errno: number, operation: string, subject = ''): HeddleError {
  const code = NOT_FOUND.has(errno) ? 'ENOTFOUND' : errnoName(errno)
  const text = code === 'ENOTFOUND' ? 'no such host' : 'the resolver failed'
  return new HeddleError(code, `${code}: ${text}, ${operation} '${subject}'`, { errno, syscall: operation })
}

/** What the function said beside its number: it stands behind the name of the function. */
function wordsOf(error: HeddleError, native: string): string {
  const mark = `, ${native} `
  const at = error.message.indexOf(mark)
  return at < 0 ? '' : error.message.slice(at + mark.length)
}
