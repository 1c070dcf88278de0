/**
 * What a job throws, as a value that can be written: an error with its class, name, message, stack, code, cause and what
 * further members it was given, as far as they can be cloned; anything else as itself.
 */
import { HeddleError } from '../errors'
import { clone, restore } from './clone'

/** Causes within causes, and errors of an AggregateError, that are kept. */
const MAX_DEPTH = 4
const MAX_ERRORS = 32
const MAX_MEMBERS = 64

/** Classes an error is of again at the other end; others become plain errors with their name. */
const CLASSES: Readonly<Record<string, new (message: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

interface PackedError {
  /** Of `CLASSES`, or HeddleError, DOMException, AggregateError. */
  readonly kind: string
  readonly name: string
  readonly message: string
  readonly stack: string
  /** Members of its own that can be cloned. */
  readonly own: Record<string, unknown>
  readonly cause?: Packed
  readonly errors?: Packed[]
}

/** An error, or what was thrown in the place of one. */
export type Packed = { readonly error: PackedError } | { readonly value: unknown }

/** Never throws, and its result can be cloned. */
export function packError(thrown: unknown): Packed {
  return pack(thrown, 0)
}

/** What `packError` was given, as far as it could be carried. */
export function unpackError(packed: unknown): unknown {
  return unpack(packed as Packed)
}

function pack(thrown: unknown, depth: number): Packed {
  try {
    if (isError(thrown)) return { error: packed(thrown, depth) }
    return { value: copy(thrown) }
  } catch {
    // It cannot be cloned, or a getter of it throws: say what it was.
    const { code } = membersOf(thrown, ['code'])
    const own = typeof code === 'string' ? { code } : {}
    const message = `what was thrown cannot be cloned: ${described(thrown)}`
    return { error: { kind: 'Error', name: 'Error', message, stack: message, own } }
  }
}

function packed(error: Error, depth: number): PackedError {
  const { name, message, stack } = error
  const ownNames = Object.keys(error).filter((key) => key !== 'cause' && key !== 'stack' && key !== 'message')
  const result = {
    kind: kindOf(error),
    name: String(name),
    message: String(message),
    stack: typeof stack === 'string' ? stack : `${String(name)}: ${String(message)}`,
    own: membersOf(error, ownNames.slice(0, MAX_MEMBERS)),
  }
  const { cause } = membersOf(error, ['cause'], true)
  const withCause =
    Object.hasOwn(error, 'cause') && depth < MAX_DEPTH ? { ...result, cause: pack(cause, depth + 1) } : result
  if (!(error instanceof AggregateError) || depth >= MAX_DEPTH) return withCause
  const errors = [...error.errors].slice(0, MAX_ERRORS).map((one) => pack(one, depth + 1))
  return { ...withCause, errors }
}

/** Those of the named members that can be read and, unless `any`, cloned. */
function membersOf(object: unknown, names: readonly string[], any = false): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const name of names) {
    try {
      const read = (object as Record<string, unknown>)[name]
      const value = any ? read : copy(read)
      Object.defineProperty(found, name, { value, enumerable: true, configurable: true, writable: true })
    } catch {}
  }
  return found
}

/** What was read once: a getter may answer otherwise when the result is cloned. */
const copy = (value: unknown): unknown => restore(clone(value))

function kindOf(error: Error): string {
  if (error instanceof HeddleError) return 'HeddleError'
  if (error instanceof DOMException) return 'DOMException'
  if (error instanceof AggregateError) return 'AggregateError'
  for (const [name, known] of Object.entries(CLASSES)) {
    if (name !== 'Error' && error instanceof known) return name
  }
  return 'Error'
}

function unpack(packed: Packed): unknown {
  if (!('error' in packed)) return packed.value
  const { error } = packed
  const result = remade(error)
  hidden(result, 'stack', error.stack)
  if (result.name !== error.name) hidden(result, 'name', error.name)
  if (error.cause !== undefined) hidden(result, 'cause', unpack(error.cause))
  for (const [name, value] of Object.entries(error.own))
    Object.defineProperty(result, name, { value, enumerable: true, configurable: true, writable: true })
  return result
}

function remade({ kind, name, message, own, errors }: PackedError): Error {
  if (kind === 'HeddleError') return new HeddleError(String(own.code), message)
  if (kind === 'DOMException') return new DOMException(message, name)
  if (kind === 'AggregateError') return new AggregateError((errors ?? []).map(unpack), message)
  const known = CLASSES[kind] ?? Error
  return new known(message)
}

function hidden(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true })
}

/** Errors of other contexts as well, such as those of a vm. */
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]'
}

function described(value: unknown): string {
  try {
    return typeof value === 'function' ? `a function ${value.name}` : String(value)
  } catch {
    return typeof value
  }
}
