import { checkOptions, invalid } from '../../arguments'
import { shownAt } from './characters'
import { ConfigError } from './config-error'
import type {
  ArrayNode,
  ConfigTree,
  DictionaryNode,
  EntryNode,
  IncludeNode,
  SettingNode,
  StanzaNode,
  StatementNode,
  ValueNode,
} from './node'
import { type Mark, Scanner } from './scanner'

/** Braces, brackets and parentheses within each other. */
export const MAX_NESTING = 64
/** After so many errors nobody reads on. */
const MAX_ERRORS = 20
const OPTIONS: ReadonlySet<string> = new Set(['file'])

/** How a text is called in errors. */
export interface ParseOptions {
  /** Stands in places and messages; `<text>` if left out. */
  readonly file?: string
}

/**
 * The tree of a text. After an error it reads on at the next line, so that the error it throws has all that it found
 * in `all`. ERR_CONFIG_SYNTAX, and ERR_CONFIG_LIMIT for more than 64 blocks within each other. Time is proportional
 * to the length of the text. (CF-29)
 */
export function parseConfig(text: string, options: ParseOptions = {}): ConfigTree {
  const scanner = scannerOf(text, options)
  const parser = new Parser(scanner)
  const body = parser.file()
  const [first] = parser.errors
  if (first === undefined) return { file: scanner.file, text, body }
  first.all = parser.errors
  throw first
}

/** A value alone, as it stands behind an equals sign: defaults and what the console sets are read so. (CF-14) */
export function parseValue(text: string, options: ParseOptions = {}): ValueNode {
  const scanner = scannerOf(text, options)
  scanner.skipBlanks()
  const value = new Parser(scanner).value()
  scanner.skipBlanks()
  if (!scanner.ended) throw scanner.expected('the end of the value')
  return value
}

function scannerOf(text: string, options: ParseOptions): Scanner {
  checkOptions('parseConfig', options, OPTIONS, "{ file: 'app.conf' }")
  const { file = '<text>' } = options
  if (typeof text !== 'string') throw invalid('a configuration', 'is text', text)
  if (typeof file !== 'string') throw invalid('file', 'is a name', file)
  return new Scanner(text, file)
}

/** One function for each rule of the grammar (docs/reference/config-syntax.md). */
class Parser {
  readonly errors: ConfigError[] = []
  readonly #scanner: Scanner
  #depth = 0

  constructor(scanner: Scanner) {
    this.#scanner = scanner
  }

  file(): StatementNode[] {
    const body = this.#statements()
    const scanner = this.#scanner
    while (!scanner.ended) {
      // A brace that closes nothing is what an earlier error may have left behind.
      if (this.errors.length === 0) this.#note(scanner.error('this "}" closes nothing'))
      scanner.at++
      body.push(...this.#statements())
    }
    return body
  }

  value(): ValueNode {
    const scanner = this.#scanner
    const from = scanner.mark()
    if (scanner.peek() === '(') return this.#array(from)
    if (scanner.peek() === '[') return this.#dictionary(from)
    const quoted = scanner.isQuote()
    const text = quoted ? scanner.quoted() : this.#bare()
    const { at: start, line, column } = from
    const { file, at: end } = scanner
    return {
      kind: 'scalar',
      file,
      line,
      column,
      start,
      end,
      text,
      raw: scanner.text.slice(start, end),
      quoted,
    }
  }

  /** A value without quotation marks; one that would need them is not taken for two things. */
  #bare(): string {
    const scanner = this.#scanner
    const word = scanner.word()
    const comment = scanner.text.startsWith('/*', scanner.at)
    if (!comment && /[/"'=]/.test(scanner.peek()))
      throw scanner.error(`a value with ${shownAt(scanner.text, scanner.at)} needs quotation marks`)
    if (word === '') throw scanner.expected('a value')
    return word
  }

  /** Up to a closing brace, which stays, or the end. */
  #statements(): StatementNode[] {
    const body: StatementNode[] = []
    const scanner = this.#scanner
    for (;;) {
      const from = scanner.at
      try {
        scanner.skipBlanks()
        if (scanner.ended || scanner.peek() === '}') return body
        body.push(this.#statement())
      } catch (error) {
        this.#recover(error, from)
      }
    }
  }

  #statement(): StatementNode {
    const scanner = this.#scanner
    const from = scanner.mark()
    if (!scanner.isName()) throw this.#noName()
    const name = scanner.name()
    const key = name.toLowerCase()
    if (key === 'include' || key === 'readonly_include') return this.#include(from, key)
    scanner.skipBlanks()
    if (scanner.take('=')) return this.#setting(from, name, key)
    return this.#stanza(from, name, key)
  }

  #setting(from: Mark, name: string, key: string): SettingNode {
    const value = this.#valueOnLine()
    const { at: start, line, column } = from
    const { file, at: end } = this.#scanner
    return { kind: 'setting', file, line, column, start, end, name, key, value }
  }

  /** A value left out would otherwise take the next line's name for it. */
  #valueOnLine(): ValueNode {
    const scanner = this.#scanner
    const afterSign = scanner.mark()
    scanner.skipBlanks()
    const block = scanner.peek() === '(' || scanner.peek() === '['
    if (scanner.line !== afterSign.line && !block)
      throw scanner.errorBefore('expected a value on this line', afterSign)
    return this.value()
  }

  #stanza(from: Mark, name: string, key: string): StanzaNode {
    const scanner = this.#scanner
    const instance = this.#instance(from)
    if (!scanner.take('{')) throw scanner.expected(instance === undefined ? '"=" or "{"' : '"{"')
    const bodyStart = scanner.at
    const body = this.#nested(() => this.#statements())
    const bodyEnd = scanner.at
    if (!scanner.take('}')) throw scanner.error('this block has no end, expected "}"', from)
    const { at: start, line, column } = from
    const { file, at: end } = scanner
    return { kind: 'stanza', file, line, column, start, end, name, key, instance, body, bodyStart, bodyEnd }
  }

  /** On the line of its name, lest `name` alone takes the next statement's name for it. */
  #instance(from: Mark): string | undefined {
    const scanner = this.#scanner
    if (!scanner.isQuote() && !scanner.isWord()) return undefined
    if (scanner.line !== from.line) throw scanner.errorBefore('expected "=" or "{" after this name', from)
    const instance = scanner.isQuote() ? scanner.quoted() : scanner.word()
    scanner.skipBlanks()
    if (scanner.peek() !== '{') throw scanner.expected('"{" (a setting is written name = value)')
    return instance
  }

  #include(from: Mark, key: string): IncludeNode {
    const scanner = this.#scanner
    scanner.skipBlanks()
    const onLine = scanner.line === from.line
    if (!onLine || (!scanner.isQuote() && !scanner.isWord())) throw scanner.expected('a path')
    const path = scanner.isQuote() ? scanner.quoted() : scanner.word()
    if (path === '') throw scanner.error('the path is empty', from)
    const { at: start, line, column } = from
    const { file, at: end } = scanner
    return { kind: 'include', file, line, column, start, end, readonly: key === 'readonly_include', path }
  }

  #array(from: Mark): ArrayNode {
    const items = this.#elements('(', ')', () => this.value())
    const { at: start, line, column } = from
    const { file, at: end } = this.#scanner
    return { kind: 'array', file, line, column, start, end, items }
  }

  #dictionary(from: Mark): DictionaryNode {
    const entries = this.#elements('[', ']', () => this.#entry())
    const { at: start, line, column } = from
    const { file, at: end } = this.#scanner
    return { kind: 'dictionary', file, line, column, start, end, entries }
  }

  #entry(): EntryNode {
    const scanner = this.#scanner
    const from = scanner.mark()
    if (!scanner.isQuote() && !scanner.isWord()) throw scanner.expected('a name or "]"')
    const name = scanner.isQuote() ? scanner.quoted() : scanner.word()
    scanner.skipBlanks()
    if (!scanner.take('=')) throw scanner.expected('"="')
    const value = this.#valueOnLine()
    const { at: start, line, column } = from
    const { file, at: end } = scanner
    return { kind: 'entry', file, line, column, start, end, name, value }
  }

  /** White space or one comma between elements; a comma may follow the last. */
  #elements<T>(open: string, close: string, element: () => T): T[] {
    const scanner = this.#scanner
    const from = scanner.mark()
    scanner.take(open)
    return this.#nested(() => {
      const elements: T[] = []
      for (;;) {
        scanner.skipBlanks()
        if (scanner.take(close)) return elements
        if (scanner.ended) throw scanner.error(`this "${open}" has no end, expected "${close}"`, from)
        elements.push(element())
        scanner.skipBlanks()
        scanner.take(',')
      }
    })
  }

  #nested<T>(inside: () => T): T {
    const scanner = this.#scanner
    if (this.#depth === MAX_NESTING)
      throw scanner.error(`more than ${MAX_NESTING} blocks within each other`, undefined, 'ERR_CONFIG_LIMIT')
    this.#depth++
    try {
      return inside()
    } finally {
      this.#depth--
    }
  }

  #noName(): ConfigError {
    const scanner = this.#scanner
    if (scanner.text.startsWith('*/', scanner.at))
      return scanner.error('this "*/" ends no comment: comments do not nest')
    return scanner.expected(this.#depth === 0 ? 'a name' : 'a name or "}"')
  }

  /** Notes the error and goes to where another statement may begin; what a skipped brace opens is read for errors. */
  #recover(error: unknown, from: number): void {
    if (!(error instanceof ConfigError) || error.code !== 'ERR_CONFIG_SYNTAX') throw error
    this.#note(error)
    const scanner = this.#scanner
    if (scanner.at === from) scanner.at++
    scanner.skipDamage()
    if (!scanner.take('{')) return
    this.#nested(() => this.#statements())
    scanner.take('}')
  }

  /** The last one ends the reading: all rules return at the end of the text, and what they miss is not noted. */
  #note(error: ConfigError): void {
    if (this.errors.length < MAX_ERRORS) this.errors.push(error)
    if (this.errors.length === MAX_ERRORS) this.#scanner.at = this.#scanner.text.length
  }
}
