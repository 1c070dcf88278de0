import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/**
 * Every error code of the package and its message when the thrower has nothing better to say. System errors keep
 * their POSIX names (`ECONNRESET`) and are not listed. `docs/reference/errors.md` describes each.
 */
export const ERROR_CODES = {
  ERR_ACO_EXIT: 'the coroutine exits',
  ERR_ACO_PINNED: 'an event of a coroutine stays on its loop',
  ERR_ACO_STACK: 'the coroutine needed more stack than it may have',
  ERR_ACO_YIELD: 'a wait began where none is allowed',
  ERR_ALREADY_INIT: 'the eventer is initialised already; shut it down first',
  ERR_APP: 'the application cannot do what its configuration says',
  ERR_BAD_MASK: 'the mask does not fit the kind of the event',
  ERR_BODY_TOO_LARGE: 'the body exceeds its limit',
  ERR_BODY_USED: 'the body has been consumed already',
  ERR_CALLBACK: 'an event callback failed',
  ERR_CLOSED: 'the object is closed',
  ERR_CONFIG_CONFLICT: 'another transaction was committed since this one began',
  ERR_CONFIG_ENCODING: 'the configuration file is not UTF-8',
  ERR_CONFIG_FILE: 'the configuration file is none that can be read',
  ERR_CONFIG_FULL: 'no room is left for another generation',
  ERR_CONFIG_INCLUDE: 'files include each other in a circle',
  ERR_CONFIG_INHERIT: 'a block inherits from what is missing, or in a circle',
  ERR_CONFIG_LIMIT: 'the configuration exceeds a limit',
  ERR_CONFIG_PATH: 'the path of an option is not well-formed',
  ERR_CONFIG_POSTSET: 'the postset of an option failed',
  ERR_CONFIG_READONLY: 'no file is there to which the change could be written',
  ERR_CONFIG_SCOPE: 'the scope cannot be declared like that',
  ERR_CONFIG_STALE: 'the file has changed since it was read',
  ERR_CONFIG_SYNTAX: 'the configuration is not well-formed',
  ERR_CONFIG_TRANSACTION: 'not possible in this state of a transaction',
  ERR_CONFIG_VALUE: 'the value of an option is not valid',
  ERR_CONFIG_VETO: 'the change is not allowed',
  ERR_CONTENT_LENGTH: 'the body does not have the announced length',
  ERR_DOUBLE_FREE: 'the block is free already',
  ERR_DSO_ABI: 'the module was built for another version of the interface',
  ERR_DSO_LOAD: 'the file is no library that can be loaded',
  ERR_DSO_REGISTER: 'the module could not register what it offers',
  ERR_DSO_SYMBOL: 'the library is no module of Heddle',
  ERR_END_OF_STREAM: 'the stream ended before the record was complete',
  ERR_EVENT_ACTIVE: 'the event is being dispatched',
  ERR_EVENT_FREED: 'the event has been freed',
  ERR_EVENT_SCHEDULED: 'the event is scheduled',
  ERR_FD_STILL_REGISTERED: 'a callback returned 0 while its descriptor was still registered and open',
  ERR_GATE_USED: 'the gate has been waited for already',
  ERR_HEADERS_SENT: 'the head of the response has been sent',
  ERR_HOOK_ASYNC: 'a provider of the hook is asynchronous',
  ERR_HOOK_CLOSURE: "the closure of a provider is not the module's own object",
  ERR_HOOK_EXISTS: 'the hook is declared already, and differently',
  ERR_HOOK_PROVIDER: 'a provider of a hook failed',
  ERR_HOOK_SCOPE: 'the hook belongs to somebody else',
  ERR_INVALID_ARGUMENT: 'an argument is not valid',
  ERR_INVALID_HEADER: 'a header name or value is not allowed',
  ERR_INVALID_JSON: 'the body is not JSON',
  ERR_JOBQ_BUSY: 'the queue is not drained',
  ERR_JOBQ_SAFETY: 'the queue exists with another memory-safety mode',
  ERR_JOBQ_SHUTDOWN: 'the queue takes no more jobs',
  ERR_JOB_ACTIVE: 'the job is queued or running',
  ERR_JOB_COMPLETED: 'the completion of the job has run',
  ERR_KEY_TOO_LARGE: 'the key exceeds 65,535 bytes',
  ERR_LOCK_NOT_HELD: 'this lock is not held by who gives it back',
  ERR_LOCK_UPGRADE: 'a lock held for reading cannot become one for writing',
  ERR_MANIFEST: 'a manifest cannot be read',
  ERR_MEMTYPE_KIND: 'fixed and vsize memtypes have different operations',
  ERR_MEMTYPE_LIMIT: 'no further memtype can be registered',
  ERR_MEMTYPE_MISMATCH: 'the block belongs to another memtype',
  ERR_MEMTYPE_UNKNOWN: 'no such memtype is registered',
  ERR_MODULE_CYCLE: 'modules require each other',
  ERR_MODULE_DEF: 'the definition of the module is not valid',
  ERR_MODULE_DEP: 'something that a module requires cannot be had',
  ERR_MODULE_DUPLICATE: 'a module of that name exists already',
  ERR_MODULE_FAILED: 'a module failed',
  ERR_MODULE_LEGACY_SLOT: 'the module fills a slot that is no longer used',
  ERR_MODULE_LOAD: 'the code of a module could not be loaded',
  ERR_MODULE_UNKNOWN: 'no such module is loaded',
  ERR_NAME_TAKEN: 'the name belongs to another callback',
  ERR_NATIVE_MODULE: 'the code of a native module has failed',
  ERR_NATIVE_REQUIRED: 'this needs the native backend',
  ERR_NOT_INIT: 'the eventer is not initialised',
  ERR_NOT_IN_ACO: 'this is called outside of a coroutine',
  ERR_NOT_REMOVABLE: 'events of this kind cannot be removed',
  ERR_NOT_SUPPORTED: 'not supported here',
  ERR_NOT_TUNABLE: 'this cannot be changed at run time',
  ERR_NOT_WRITABLE: 'this can be changed in a write section only',
  ERR_NO_POOL: 'no such pool exists',
  ERR_NO_PROVIDER: 'the hook has no provider and no default',
  ERR_OPTION_DEF: 'the definition of an option is not valid',
  ERR_OPTION_EXISTS: 'the option is registered already',
  ERR_PHASE: 'the time for this has passed',
  ERR_QUEUE_WEDGED: 'every thread of the queue runs a job that was asked to stop and goes on',
  ERR_READ_LIMIT: 'more data than the limit without an end of record',
  ERR_RELEASED: 'what is used has been released',
  ERR_RESPONSE_DONE: 'the response is complete',
  ERR_SHUTDOWN: 'the pools are shutting down',
  ERR_SMR_CORRUPT: 'this is no safe block',
  ERR_SMR_DOUBLE_FREE: 'the safe block is free already',
  ERR_SMR_SECTION_LEAK: 'the coroutine ended inside a section',
  ERR_SMR_THREAD: 'this isolate takes no part in safe memory',
  ERR_SMR_UNBALANCED: 'a section was ended that is not open, or left open where none may be',
  ERR_STALE_BLOCK: 'the block is gone',
  ERR_STALE_HANDLE: 'the object behind this handle is gone',
  ERR_STALE_VIEW: 'the view was only valid during its callback',
  ERR_TIMER_RETURN: 'a scheduler timer callback may only return 0',
  ERR_TLS_UNAVAILABLE: 'this Node has no usable TLS library',
  ERR_TOO_LATE: 'only possible before the loops start',
  ERR_TOO_MANY_EVENTS: 'the loop has no event handle left',
  ERR_TYPE_DEPRECATED: 'options of this type are not to be used any more',
  ERR_VALUE_TOO_LARGE: 'the value exceeds what one entry may hold',
  ERR_WORKER_DIED: 'the worker thread ended in the middle of a call',
  ERR_WRITES_DISABLED: 'writing the configuration out is switched off',
  ERR_WRITE_OVERFLOW: 'more unsent output than the connection may hold',
  ERR_WRONG_THREAD: 'the event belongs to another loop or thread',
} as const

/** A code of the table above. Members of `HeddleError.code` are these or a POSIX name. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What an error carries beside its code and message. */
export interface HeddleErrorOptions {
  /** Negative, as in the system errors of Node. */
  readonly errno?: number
  readonly syscall?: string
  readonly path?: string
  readonly cause?: unknown
}

/** The one class of errors this package throws: test `code`, never the message. */
export class HeddleError extends Error {
  /** A POSIX name (`ECONNRESET`) or an `ERR_…` code of `ERROR_CODES`. */
  readonly code: string
  /** The negative system error number, for system errors. */
  declare readonly errno?: number
  /** The operation that failed, for system errors. */
  declare readonly syscall?: string
  /** The file that a job could not read, write or ask for its status. */
  declare readonly path?: string
  /** Of a coroutine's write: how much had gone before it failed. */
  declare bytesWritten?: number

  constructor(code: string, message?: string, options: HeddleErrorOptions = {}) {
    super(message ?? defaultMessage(code), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    if (options.errno !== undefined) this.errno = options.errno
    if (options.syscall !== undefined) this.syscall = options.syscall
    if (options.path !== undefined) this.path = options.path
  }

  override get name(): string {
    return 'HeddleError'
  }

  /** True for `ETIME`, the code of every time-out this package sets. */
  get isTimeout(): boolean {
    return this.code === 'ETIME'
  }
}

/** POSIX name of an error number of either sign, `EUNKNOWN` if the system has none. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno)
  const known = getSystemErrorMap().get(-number)
  if (known) return known[0]
  for (const [name, value] of Object.entries(constants.errno)) if (value === number) return name
  return 'EUNKNOWN'
}

/** Error number (positive) of a POSIX name on this system, 0 if it has none. */
export function errnoNumber(name: string): number {
  return (constants.errno as Record<string, number>)[name] ?? 0
}

/** The error of a failed system call. `errno` may have either sign. */
export function systemError(errno: number, syscall: string, detail?: string): HeddleError {
  const number = Math.abs(errno)
  const code = errnoName(number)
  const text = getSystemErrorMap().get(-number)?.[1] ?? 'system error'
  const where = detail === undefined ? syscall : `${syscall} ${detail}`
  return new HeddleError(code, `${code}: ${text}, ${where}`, { errno: -number, syscall })
}

/** Passes a result through, throwing where it is a negative errno. */
export function checkResult(result: number, syscall: string, detail?: string): number {
  if (result < 0) throw systemError(result, syscall, detail)
  return result
}

function defaultMessage(code: string): string {
  return (ERROR_CODES as Record<string, string>)[code] ?? code
}
