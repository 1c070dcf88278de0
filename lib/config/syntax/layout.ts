import type { Edit } from './edits'
import type { Place, StanzaNode, StatementNode } from './node'

/**
 * How a file is laid out, seen in its text: so that what is written into it looks as what is there, and what is
 * taken out leaves no hole. Nothing here changes what other statements mean.
 */

/** One line of new text, with how deep it lies. */
export interface NewLine {
  readonly depth: number
  readonly text: string
}

const DEFAULT_UNIT = '  '

/** The value's place gets another text. */
export function replacement(text: string, { start, end }: Place, value: string): Edit {
  // What follows without a blank would become part of a value that ends without a mark.
  const apart = /[\s}]/.test(text.charAt(end)) || end === text.length ? '' : ' '
  return { start, end, text: value + apart }
}

/** A statement goes, with its line and the comment behind it where nothing else is on its lines. */
export function removal(text: string, { start, end }: Place): Edit {
  const before = blanksBefore(text, start)
  const rest = endOfComments(text, end)
  if (isLineStart(text, before) && rest !== undefined) return { start: before, end: rest, text: '' }
  const followed = end === text.length || /\s/.test(text.charAt(end))
  return { start: followed ? before : start, end, text: '' }
}

/** New lines at the end of a file. */
export function appended(text: string, lines: readonly NewLine[], unit: string): Edit {
  const eol = eolOf(text)
  const open = text.length > 0 && text !== '\ufeff' && !text.endsWith('\n')
  const added = lines.map((line) => unit.repeat(line.depth) + line.text + eol).join('')
  return { start: text.length, end: text.length, text: (open ? eol : '') + added }
}

/** New lines at the end of a stanza: on lines of their own, or on the stanza's line if it has but one. */
export function inserted(text: string, stanza: StanzaNode, lines: readonly NewLine[], unit: string): Edit {
  const { bodyStart, bodyEnd } = stanza
  const inner = text.slice(bodyStart, bodyEnd)
  if (!inner.includes('\n') && inner.trim() !== '') return onOneLine(text, bodyEnd, lines)
  const eol = eolOf(text)
  const outer = indentAt(text, stanza.start)
  const own = stanza.body.filter((node) => node.file === stanza.file)
  const indent = indentOf(text, own) ?? outer + unit
  const added = lines.map((line) => indent + unit.repeat(line.depth) + line.text + eol).join('')
  const before = blanksBefore(text, bodyEnd)
  if (isLineStart(text, before)) return { start: before, end: before, text: added }
  return { start: before, end: bodyEnd, text: eol + added + outer }
}

/** What one block lies deeper than the one around it, as the file has it; two blanks where it has none. */
export function unitOf(text: string, body: readonly StatementNode[]): string {
  for (const node of body) {
    if (node.kind !== 'stanza') continue
    const outer = indentAt(text, node.start)
    const inner = indentOf(text, node.body)
    if (inner?.startsWith(outer) && inner.length > outer.length) return inner.slice(outer.length)
  }
  return DEFAULT_UNIT
}

function onOneLine(text: string, bodyEnd: number, lines: readonly NewLine[]): Edit {
  const before = blanksBefore(text, bodyEnd)
  return { start: before, end: bodyEnd, text: ` ${lines.map((line) => line.text).join(' ')} ` }
}

/** The blanks before the last statement that has a line of its own. */
function indentOf(text: string, body: readonly StatementNode[]): string | undefined {
  for (let index = body.length - 1; index >= 0; index--) {
    const { start } = body[index] as StatementNode
    const before = blanksBefore(text, start)
    if (isLineStart(text, before)) return text.slice(before, start)
  }
  return undefined
}

/** The blanks at the beginning of a line. */
function indentAt(text: string, at: number): string {
  const lineStart = text.lastIndexOf('\n', at - 1) + 1
  return /^[ \t]*/.exec(text.slice(lineStart, at))?.[0] ?? ''
}

function blanksBefore(text: string, at: number): number {
  let before = at
  while (before > 0 && /[ \t]/.test(text.charAt(before - 1))) before--
  return before
}

function isLineStart(text: string, at: number): boolean {
  return at === 0 || text[at - 1] === '\n'
}

/** After the line's end, if but blanks and comments are left on it; a comment that goes on below is not its own. */
function endOfComments(text: string, from: number): number | undefined {
  const newline = text.indexOf('\n', from)
  const end = newline < 0 ? text.length : newline + 1
  for (let at = from; at < end; ) {
    if (text[at] === '#') return end
    if (text.startsWith('/*', at)) at = text.indexOf('*/', at + 2) + 2
    else if (/\s/.test(text.charAt(at))) at++
    else return undefined
    if (at > end) return undefined
  }
  return end
}

function eolOf(text: string): string {
  const newline = text.indexOf('\n')
  return newline > 0 && text[newline - 1] === '\r' ? '\r\n' : '\n'
}
