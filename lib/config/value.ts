/**
 * Values before a type has read them, as a text, a call or an image of a generation gives them, and what they become.
 * Immutable; made and read in any isolate.
 */
import { types } from 'node:util'
import { invalid } from '../arguments'
import { FrozenMap } from './frozen-map'
import type { ValueNode } from './syntax'
import { isWellFormed } from './syntax/characters'

/** A value without a type: text, an array, or a dictionary in its order. */
export type RawValue = string | readonly RawValue[] | RawDictionary

/** `[ a = 1 b = 2 ]`. Names compare as they are written; one that came twice has its last value. */
export interface RawDictionary {
  readonly entries: readonly (readonly [name: string, value: RawValue])[]
}

/** What a setter takes: text, numbers and booleans as their text, arrays, and dictionaries as maps or plain objects. */
export type ValueInput =
  | string
  | number
  | bigint
  | boolean
  | readonly ValueInput[]
  | ReadonlyMap<string, ValueInput>
  | { readonly [name: string]: ValueInput }

/** Where a value was given. */
export interface Origin {
  /** Path of the file, or a word in angle brackets for what came from a call. */
  readonly file: string
  /** From 1; 0 for what is not in a file. */
  readonly line: number
  /** From 1; 0 for what is not in a file. */
  readonly column: number
}

/** Deeper than that is a mistake, or an attack. */
const MAX_DEPTH = 32

export function isDictionary(raw: RawValue): raw is RawDictionary {
  return typeof raw === 'object' && !Array.isArray(raw)
}

/** `file:line`, or the word where there is no line. */
export function originText(origin: Origin): string {
  return origin.line > 0 ? `${origin.file}:${origin.line}` : origin.file
}

export function rawOfNode(node: ValueNode): RawValue {
  if (node.kind === 'scalar') return node.text
  if (node.kind === 'array') return Object.freeze(node.items.map(rawOfNode))
  return dictionary(node.entries.map(({ name, value }) => [name, rawOfNode(value)]))
}

/** A copy of what a caller gave, so that nothing changes under a generation. */
export function rawOfInput(input: unknown, depth = 0): RawValue {
  if (typeof input === 'string') return checkedText('a value', input)
  if (typeof input === 'boolean' || typeof input === 'bigint') return String(input)
  if (typeof input === 'number' && Number.isFinite(input)) return String(input)
  if (typeof input !== 'object' || input === null || depth === MAX_DEPTH) {
    throw invalid('a value', 'is text, a number, true or false, or an array or dictionary of such', input)
  }
  if (Array.isArray(input)) return Object.freeze(Array.from(input, (item) => rawOfInput(item, depth + 1)))
  return dictionary(
    entriesOf(input).map(([name, value]) => [checkedName(name), rawOfInput(value, depth + 1)]),
  )
}

/** Of a map, a dictionary that was fetched, or a plain object: others may look empty and be none. */
function entriesOf(input: object): [unknown, unknown][] {
  if (types.isMap(input) || input instanceof FrozenMap) return [...(input as ReadonlyMap<unknown, unknown>)]
  const prototype: unknown = Object.getPrototypeOf(input)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return Object.entries(input)
  throw invalid('a dictionary', 'is a Map or a plain object', input)
}

export function dictionary(entries: readonly (readonly [string, RawValue])[]): RawDictionary {
  return Object.freeze({ entries: Object.freeze(entries.map((entry) => Object.freeze(entry))) })
}

export function sameRaw(a: RawValue, b: RawValue): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  if (isDictionary(a) || isDictionary(b)) {
    if (!isDictionary(a) || !isDictionary(b) || a.entries.length !== b.entries.length) return false
    return a.entries.every(([name, value], i) => {
      const other = b.entries[i] as readonly [string, RawValue]
      return name === other[0] && sameRaw(value, other[1])
    })
  }
  return a.length === b.length && a.every((item, i) => sameRaw(item, b[i] as RawValue))
}

function checkedName(name: unknown): string {
  if (typeof name === 'string') return checkedText('the name in a dictionary', name)
  throw invalid('the name in a dictionary', 'is text', name)
}

/** What a file can hold. */
function checkedText(what: string, text: string): string {
  if (isWellFormed(text)) return text
  throw invalid(what, 'has no half of a surrogate pair', text)
}
