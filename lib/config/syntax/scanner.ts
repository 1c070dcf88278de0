import { BLANK, classAt, NAME, shownAt, WORD } from './characters'
import { ConfigError } from './config-error'
import type { Place } from './node'

/** A place to come back to: an offset with its line. */
export interface Mark {
  readonly at: number
  readonly line: number
  readonly lineStart: number
}

const NEWLINE = 10
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' }

/**
 * Reads a text from its beginning to its end: blanks and comments, names, words, quoted text. It knows on which line
 * it is, and makes the errors. Every step goes forward, so it ends whatever the text is.
 */
export class Scanner {
  readonly text: string
  readonly file: string
  at: number
  #line = 1
  #lineStart = 0

  constructor(text: string, file: string) {
    this.text = text
    this.file = file
    this.at = text.charCodeAt(0) === 0xfeff ? 1 : 0
    this.#lineStart = this.at
  }

  get line(): number {
    return this.#line
  }

  get ended(): boolean {
    return this.at >= this.text.length
  }

  mark(): Mark {
    return { at: this.at, line: this.#line, lineStart: this.#lineStart }
  }

  /** From a mark to where it is now. */
  placeFrom(mark: Mark): Place {
    const { file } = this
    const { at, line, lineStart } = mark
    return { file, line, column: at - lineStart + 1, start: at, end: this.at }
  }

  /** The character here, '' at the end. */
  peek(): string {
    return this.text.charAt(this.at)
  }

  /** Takes the character if it is the one that is here. */
  take(character: string): boolean {
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  isName(): boolean {
    return (classAt(this.text, this.at) & NAME) !== 0
  }

  isWord(): boolean {
    return (classAt(this.text, this.at) & WORD) !== 0
  }

  isQuote(): boolean {
    const character = this.peek()
    return character === '"' || character === "'"
  }

  /** Past white space and comments. */
  skipBlanks(): void {
    for (;;) {
      this.#skipSpace()
      if (this.text[this.at] === '#') this.#skipLine()
      else if (this.text.startsWith('/*', this.at)) this.#skipComment()
      else return
    }
  }

  name(): string {
    return this.#run(NAME)
  }

  word(): string {
    return this.#run(WORD)
  }

  /**
   * What stands between quotation marks. Between `"` a backslash before `"`, `\`, `n`, `r` or `t` is an escape and any
   * other is itself, so that the patterns of regular expressions stay what they are; between `'` nothing is special.
   */
  quoted(): string {
    const open = this.mark()
    const quote = this.text[this.at++]
    let text = ''
    let from = this.at
    for (;;) {
      const character = this.text[this.at]
      if (character === undefined || character === '\n' || character === '\r') throw this.#unclosed(open)
      if (character === quote) break
      if (character === '\\' && quote === '"') {
        text += this.text.slice(from, this.at) + this.#escape()
        from = this.at
      } else this.at++
    }
    return text + this.text.slice(from, this.at++)
  }

  /** An error at a place, or here. */
  error(reason: string, mark = this.mark(), code = 'ERR_CONFIG_SYNTAX'): ConfigError {
    const { file, text } = this
    const { at: offset, line, lineStart } = mark
    return new ConfigError(code, reason, { file, line, column: offset - lineStart + 1, text, offset })
  }

  /** An error that shows behind what was read: reading goes on there, not after what came instead. */
  errorBefore(reason: string, mark: Mark): ConfigError {
    this.at = mark.at
    this.#line = mark.line
    this.#lineStart = mark.lineStart
    return this.error(reason, mark)
  }

  /** "expected … , found …" */
  expected(what: string): ConfigError {
    return this.error(`expected ${what}, found ${shownAt(this.text, this.at)}`)
  }

  /** To the next brace or the end of the line. */
  skipDamage(): void {
    while (!this.ended && !/[\n{}]/.test(this.peek())) this.at++
  }

  #run(kind: number): string {
    const from = this.at
    while ((classAt(this.text, this.at) & kind) !== 0) this.at++
    return this.text.slice(from, this.at)
  }

  #skipSpace(): void {
    for (; (classAt(this.text, this.at) & BLANK) !== 0; this.at++) {
      if (this.text.charCodeAt(this.at) === NEWLINE) this.#newLine()
    }
  }

  #newLine(): void {
    this.#line++
    this.#lineStart = this.at + 1
  }

  #skipLine(): void {
    const end = this.text.indexOf('\n', this.at)
    this.at = end < 0 ? this.text.length : end
  }

  #skipComment(): void {
    const open = this.mark()
    const close = this.text.indexOf('*/', this.at + 2)
    const end = close < 0 ? this.text.length : close + 2
    for (; this.at < end; this.at++) if (this.text.charCodeAt(this.at) === NEWLINE) this.#newLine()
    if (close < 0) throw this.error('this comment has no end, expected "*/"', open)
  }

  #escape(): string {
    const meaning = ESCAPES[this.text[this.at + 1] ?? '']
    if (meaning === undefined) {
      this.at++
      return '\\'
    }
    this.at += 2
    return meaning
  }

  #unclosed(open: Mark): ConfigError {
    return this.error('this text has no end, expected a quotation mark before the end of the line', open)
  }
}
