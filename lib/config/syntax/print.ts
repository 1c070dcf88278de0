import { invalid, shown } from '../../arguments'
import { HeddleError } from '../../errors'
import { isName, isWellFormed, isWord } from './characters'
import { MAX_NESTING } from './parser'
import type { ArrayNode, ConfigTree, DictionaryNode, StatementNode, ValueNode } from './node'

/** A value without places: text, a list, or names with values. What `writeBack` and `printValue` take. */
export type PlainValue = string | readonly PlainValue[] | ReadonlyMap<string, PlainValue>

const INDENT = '  '
const INCLUDES = /^(readonly_)?include$/i
const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
}

/**
 * The text of a tree in the one form that needs no thought: two blanks for each block, values as they were written,
 * no comments. `parseConfig` makes an equal tree of it, places aside. The text as it was is `tree.text`. (CF-29)
 */
export function printConfig(tree: Pick<ConfigTree, 'body'>): string {
  return printBody(tree.body, '')
}

/** A value as it is written: what can do without quotation marks has none. ERR_INVALID_ARGUMENT if it has no UTF-8. */
export function printValue(value: PlainValue): string {
  return printPlain(value, 0)
}

/** What is deeper than a text can be could be a circle. */
function printPlain(value: PlainValue, depth: number): string {
  if (typeof value === 'string') return printText(value)
  if (depth === MAX_NESTING)
    throw new HeddleError(
      'ERR_CONFIG_LIMIT',
      `a value with more than ${MAX_NESTING} blocks within each other`,
    )
  if (Array.isArray(value)) return `(${value.map((item) => printPlain(item, depth + 1)).join(' ')})`
  if (!(value instanceof Map)) throw invalid('a value', 'is text, an array or a Map of these', value)
  return printPairs([...value].map(([name, inner]) => `${printText(name)} = ${printPlain(inner, depth + 1)}`))
}

/** A text as it is written: in quotation marks unless it can stand alone. */
export function printText(text: string): string {
  if (typeof text !== 'string') throw invalid('a name', 'is text', text)
  return isWord(text) ? text : quote(text)
}

/** A text between double quotation marks. */
export function quote(text: string): string {
  if (!isWellFormed(text))
    throw new HeddleError('ERR_INVALID_ARGUMENT', 'a text with half a surrogate pair cannot be written')
  return `"${text.replace(/["\\\n\r\t]/g, (character) => ESCAPES[character] as string)}"`
}

/** `name` or `name "instance"`. */
export function printHead(name: string, instance: string | undefined): string {
  return instance === undefined ? printName(name) : `${printName(name)} ${quote(instance)}`
}

/** The name, if it is one that can be read again. */
export function printName(name: string): string {
  if (isName(name) && !INCLUDES.test(name)) return name
  throw new HeddleError('ERR_INVALID_ARGUMENT', `${shown(name)} is no name of a stanza or setting`)
}

/** The value of a node without its places. Of a name that comes twice the last counts. */
export function plainValue(node: ValueNode): PlainValue {
  if (node.kind === 'scalar') return node.text
  if (node.kind === 'array') return node.items.map(plainValue)
  return new Map(node.entries.map(({ name, value }) => [name, plainValue(value)]))
}

function printBody(body: readonly StatementNode[], indent: string): string {
  return body.map((node) => printStatement(node, indent)).join('')
}

function printStatement(node: StatementNode, indent: string): string {
  switch (node.kind) {
    case 'setting':
      return `${indent}${node.name} = ${printNode(node.value)}\n`
    case 'include':
      return `${indent}${node.readonly ? 'readonly_include' : 'include'} ${quote(node.path)}\n`
    case 'stanza': {
      const body = printBody(node.body, indent + INDENT)
      return `${indent}${printHead(node.name, node.instance)} {\n${body}${indent}}\n`
    }
  }
}

/** The value of a node as it was spelt. */
export function printNode(node: ValueNode): string {
  if (node.kind === 'scalar') return node.raw
  return node.kind === 'array' ? printArray(node) : printDictionary(node)
}

function printArray({ items }: ArrayNode): string {
  return `(${items.map(printNode).join(' ')})`
}

function printDictionary({ entries }: DictionaryNode): string {
  return printPairs(entries.map(({ name, value }) => `${printText(name)} = ${printNode(value)}`))
}

function printPairs(pairs: readonly string[]): string {
  return pairs.length === 0 ? '[ ]' : `[ ${pairs.join('  ')} ]`
}
