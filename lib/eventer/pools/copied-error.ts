import { HeddleError } from '../../errors'

/** An error on its way to another isolate: cloning drops its name and its own properties, which go beside it. */
export interface CopiedError {
  readonly error: unknown
  readonly name?: string
  readonly own?: object
}

/** Never throws: what cannot be cloned is replaced by an error that says what it was. */
export function copyError(error: unknown): CopiedError {
  if (!(error instanceof Error)) return isCloneable(error) ? { error } : { error: plain(error) }
  const { name } = error
  // Cloning makes an empty object of a DOMException.
  const whole = error instanceof DOMException ? plain(error) : error
  for (const own of [{ ...error }, { code: (error as { code?: unknown }).code }]) {
    if (isCloneable(own) && isCloneable(whole)) return { error: whole, name, own }
  }
  return { error: plain(error), name, own: {} }
}

/** The error as it was, as far as it could cross. */
export function restoreError({ error, name, own }: CopiedError): unknown {
  if (!(error instanceof Error)) return error
  if (name === 'HeddleError') return ours(error, own)
  if (name !== undefined && name !== error.name)
    Object.defineProperty(error, 'name', { value: name, configurable: true })
  return Object.assign(error, own)
}

function ours(error: Error, own: object | undefined): HeddleError {
  const { code } = (own ?? {}) as { code?: unknown }
  const made = new HeddleError(String(code), error.message, 'cause' in error ? { cause: error.cause } : {})
  if (error.stack !== undefined) made.stack = error.stack
  return Object.assign(made, own)
}

/** Whether a value can go to another isolate as it is. */
export function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

function plain(error: unknown): Error {
  const copy = new Error(error instanceof Error ? error.message : `thrown: ${describe(error)}`)
  if (error instanceof Error && error.stack !== undefined) copy.stack = error.stack
  return copy
}

function describe(value: unknown): string {
  return typeof value === 'function' ? `a function ${value.name}` : typeof value
}
