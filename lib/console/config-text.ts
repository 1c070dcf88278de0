import type { ConfigNode, ConfigWarning, RawValue } from '../config'
import { stanzaText } from '../config/path'
import { type PlainValue, printValue } from '../config/syntax'
import { isDictionary } from '../config/value'

/** Of the stanzas in a stanza: which there are, or with all that is in them. */
export type Depth = 'heads' | 'all'

/** A stanza as it would stand in a file: settings first, then stanzas, each in their order. */
export function printStanza(node: ConfigNode, depth: Depth): string {
  const lines: string[] = []
  addNode(node, '', depth, lines)
  return lines.map((line) => `${line}\n`).join('')
}

/** What a commit warns of. It has no place where something was taken away. */
export function warningText({ option, place, message }: ConfigWarning): string {
  return `${place === undefined ? '' : `${place}: `}${option}: ${message}`
}

/** A value as it would stand in a file. */
export function printRaw(raw: RawValue): string {
  return printValue(plainOf(raw))
}

function addNode(node: ConfigNode, indent: string, depth: Depth, lines: string[]): void {
  if (node.name === '') {
    addBody(node, indent, depth, lines)
    return
  }
  lines.push(`${indent}${stanzaText(node.name, node.instance)} {`)
  addBody(node, `${indent}  `, depth, lines)
  lines.push(`${indent}}`)
}

function addBody(node: ConfigNode, indent: string, depth: Depth, lines: string[]): void {
  for (const { name, value } of node.settings.values()) lines.push(`${indent}${name} = ${printRaw(value)}`)
  for (const child of node.children) {
    if (depth === 'all') addNode(child, indent, depth, lines)
    else lines.push(`${indent}${stanzaText(child.name, child.instance)} { … }`)
  }
}

function plainOf(raw: RawValue): PlainValue {
  if (typeof raw === 'string') return raw
  if (isDictionary(raw)) return new Map(raw.entries.map(([name, value]) => [name, plainOf(value)]))
  return (raw as readonly RawValue[]).map(plainOf)
}
