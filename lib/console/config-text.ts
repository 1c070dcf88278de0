import type { ConfigNode, RawValue } from '../config'
import { stanzaText } from '../config/path'
import { type PlainValue, printValue } from '../config/syntax'
import { isDictionary } from '../config/value'

/** A stanza as it would stand in a file: settings first, then stanzas, each in their order. */
export function printStanza(node: ConfigNode): string {
  const lines: string[] = []
  addNode(node, '', lines)
  return lines.map((line) => `${line}\n`).join('')
}

/** A value as it would stand in a file. */
export function printRaw(raw: RawValue): string {
  return printValue(plainOf(raw))
}

function addNode(node: ConfigNode, indent: string, lines: string[]): void {
  if (node.name === '') {
    addBody(node, indent, lines)
    return
  }
  lines.push(`${indent}${stanzaText(node.name, node.instance)} {`)
  addBody(node, `${indent}  `, lines)
  lines.push(`${indent}}`)
}

function addBody(node: ConfigNode, indent: string, lines: string[]): void {
  for (const { name, value } of node.settings.values()) lines.push(`${indent}${name} = ${printRaw(value)}`)
  for (const child of node.children) addNode(child, indent, lines)
}

function plainOf(raw: RawValue): PlainValue {
  if (typeof raw === 'string') return raw
  if (isDictionary(raw)) return new Map(raw.entries.map(([name, value]) => [name, plainOf(value)]))
  return (raw as readonly RawValue[]).map(plainOf)
}
