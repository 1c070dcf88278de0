import { BLANK, classAt, NAME, shownAt, WORD } from './characters'
import { ConfigError } from './config-error'

/** A place to come back to: an offset with its line. */
export interface Mark {
  readonly at: number
  readonly line: number
  readonly lineStart: number
  readonly column: number
}

const NEWLINE = 10
const RETURN = 13
const DOUBLE_QUOTE = 34
const HASH = 35
const SINGLE_QUOTE = 39
const STAR = 42
const SLASH = 47
const BACKSLASH = 92
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
    const { at } = this
    return { at, line: this.#line, lineStart: this.#lineStart, column: at - this.#lineStart + 1 }
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
    const code = this.text.charCodeAt(this.at)
    return code === DOUBLE_QUOTE || code === SINGLE_QUOTE
  }

  /** Past white space and comments. */
  skipBlanks(): void {
    for (;;) {
      this.#skipSpace()
      const code = this.text.charCodeAt(this.at)
      if (code === HASH) this.#skipLine()
      else if (code === SLASH && this.text.charCodeAt(this.at + 1) === STAR) this.#skipComment()
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
    const { text } = this
    const quote = text.charCodeAt(this.at++)
    let unescaped = ''
    let from = this.at
    for (;;) {
      const code = text.charCodeAt(this.at)
      if (code === quote) break
      if (code === NEWLINE || code === RETURN || this.ended) throw this.#unclosed(open)
      if (code === BACKSLASH && quote === DOUBLE_QUOTE) {
        unescaped += text.slice(from, this.at) + this.#escape()
        from = this.at
      } else this.at++
    }
    return unescaped + text.slice(from, this.at++)
  }

  /** An error at a place, or here. */
  error(reason: string, mark = this.mark(), code = 'ERR_CONFIG_SYNTAX'): ConfigError {
    const { file, text } = this
    const { at: offset, line, column } = mark
    return new ConfigError(code, reason, { file, line, column, text, offset })
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
    const { text } = this
    const from = this.at
    let at = from
    while ((classAt(text, at) & kind) !== 0) at++
    this.at = at
    return text.slice(from, at)
  }

  #skipSpace(): void {
    const { text } = this
    for (; (classAt(text, this.at) & BLANK) !== 0; this.at++) {
      if (text.charCodeAt(this.at) === NEWLINE) this.#newLine()
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
