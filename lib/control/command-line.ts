import { HeddleError } from '../errors'

/** A line of a console may have so many bytes, its end not counted. */
export const MAX_LINE_BYTES = 65536

/**
 * A line with its first word taken off: the name of a command, and the rest as it was typed. A first word `xml` asks for
 * XML, and the next one is the name. EINVAL: characters that no line has.
 */
export class CommandLine {
  readonly text: string
  readonly xml: boolean
  /** In lower case; '' for an empty line. */
  readonly name: string
  /** Without blanks at its ends. */
  readonly rest: string
  #words: readonly string[] | undefined

  constructor(line: string, xml = false) {
    checkLine(line)
    let { word, rest } = firstWord(line)
    this.xml = xml || word === 'xml'
    if (word === 'xml') ({ word, rest } = firstWord(rest))
    this.name = word
    this.rest = rest
    this.text = rest === '' ? word : `${word} ${rest}`
  }

  /** The words of `rest`, quotation marks resolved. EINVAL: one is not closed. */
  get words(): readonly string[] {
    this.#words ??= Object.freeze(splitWords(this.rest))
    return this.#words
  }
}

/** ERR_INVALID_ARGUMENT for what is no line: text of more than one, or with control characters. */
export function checkLine(line: unknown): asserts line is string {
  if (typeof line !== 'string') throw new HeddleError('ERR_INVALID_ARGUMENT', 'a command is text')
  if (CONTROL.test(line))
    throw new HeddleError('ERR_INVALID_ARGUMENT', 'a command is one line without control characters')
  if (Buffer.byteLength(line) > MAX_LINE_BYTES)
    throw new HeddleError('ERR_INVALID_ARGUMENT', `a command has at most ${MAX_LINE_BYTES} bytes`)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/

function firstWord(text: string): { word: string; rest: string } {
  const trimmed = text.trim()
  const end = trimmed.search(/\s/)
  if (end < 0) return { word: trimmed.toLowerCase(), rest: '' }
  return { word: trimmed.slice(0, end).toLowerCase(), rest: trimmed.slice(end).trim() }
}

/**
 * Words are parted by blanks. Within "…" a backslash keeps `"` and itself, within '…' everything stands for itself; quoted parts
 * and others that touch make one word, as in a shell. EINVAL: a quotation mark is not closed.
 */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let at = 0
  while (at < text.length) {
    const character = text[at] as string
    if (character === '"' || character === "'") {
      const quoted = character === '"' ? doubleQuoted(text, at) : singleQuoted(text, at)
      word = (word ?? '') + quoted.value
      at = quoted.end
      continue
    }
    if (!/\s/.test(character)) word = (word ?? '') + character
    else if (word !== undefined) {
      words.push(word)
      word = undefined
    }
    at++
  }
  if (word !== undefined) words.push(word)
  return words
}

interface Quoted {
  readonly value: string
  /** Behind the closing mark. */
  readonly end: number
}

function singleQuoted(text: string, start: number): Quoted {
  const end = text.indexOf("'", start + 1)
  if (end < 0) throw unclosed(start)
  return { value: text.slice(start + 1, end), end: end + 1 }
}

function doubleQuoted(text: string, start: number): Quoted {
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') return { value, end: at + 1 }
    const next = text[at + 1]
    if (character === '\\' && (next === '"' || next === '\\')) {
      value += next
      at++
    } else value += character
  }
  throw unclosed(start)
}

function unclosed(at: number): HeddleError {
  return new HeddleError('EINVAL', `the quotation mark at ${at + 1} of the arguments is not closed`)
}
