import { deserialize, serialize } from 'node:v8'
import { type PlainValue, type SharedMapEngine, ValueKind } from '../backend/shared'
import { HeddleError } from '../errors'

/** In the place of a `ValueKind`: the value passes as itself. */
const PLAIN = 0

/**
 * How a value goes into a map: numbers, strings, booleans, null and undefined as themselves, 0; bytes as bytes; the
 * rest by structured clone.
 */
export function kindOf(value: unknown): number {
  switch (typeof value) {
    case 'number':
    case 'string':
    case 'boolean':
    case 'undefined':
      return PLAIN
    default:
      if (value === null) return PLAIN
      return value instanceof Uint8Array ? ValueKind.BYTES : ValueKind.CLONE
  }
}

/** The value as an engine takes it with that kind. Cloning may run getters of the value, and so any code. */
export function encoded(kind: number, value: unknown): PlainValue | Uint8Array {
  return kind === ValueKind.CLONE ? clone(value) : (value as PlainValue | Uint8Array)
}

/** The value that lies in `engine.scratch`, or in a buffer of its own, after `get`. */
export function decode(engine: SharedMapEngine, found: Uint8Array | ArrayBuffer): unknown {
  const { control, scratch } = engine
  // A copy in any case: what is made from bytes may keep a view of them.
  const bytes = found === scratch ? scratch.slice(0, control[0]) : new Uint8Array(found as ArrayBuffer)
  return restore(control[1] as number, bytes)
}

/** A value of a walk. Bytes are the caller's own. */
export function restore(kind: number, value: unknown): unknown {
  return kind === ValueKind.CLONE ? deserialize(value as Uint8Array) : value
}

/** ERR_INVALID_ARGUMENT for what cannot be cloned: functions, symbols, shared memory, ports. */
function clone(value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (cause) {
    const message = `the value cannot be stored: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new HeddleError('ERR_INVALID_ARGUMENT', message, { cause })
  }
}
