import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import { formatText } from '../memory/format'
import { isXmlName, xmlElement, xmlText } from './xml'

/** What one line of a table, or a list of fields, holds. Of all rows the first names the columns. */
export type ControlRow = Readonly<Record<string, string | number | bigint | boolean | undefined>>

/** Either text, or XML that is well-formed by itself. */
interface Part {
  readonly isXml: boolean
  readonly value: string
}

/**
 * The answer that a command builds, in the order of its calls: text for people, or the same as XML where the caller
 * has asked for that (`xml`). What a command appends as text is text in both: it cannot break the XML. Belongs to one
 * run of one command; after its end, and after a time-out, everything throws ERR_RESPONSE_DONE. An answer above the
 * limit throws EMSGSIZE. (MX-04, MO-14)
 */
export class ControlResponse {
  /** Whether XML was asked for. */
  readonly xml: boolean
  readonly #limit: number
  readonly #parts: Part[] = []
  #bytes = 0
  #isDone = false
  #failed = false

  /** @param limit bytes that the answer may have. */
  constructor(xml = false, limit = 16 * 1024 * 1024) {
    this.xml = xml
    this.#limit = limit
  }

  /** Bytes so far, in the form that was asked for. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether `fail` was called. */
  get failed(): boolean {
    return this.#failed
  }

  /** Appends texts as they are. ERR_INVALID_ARGUMENT for what is none; nothing is appended then. */
  push(...texts: string[]): this {
    for (const text of texts)
      if (typeof text !== 'string') throw invalid('an answer', 'is made of text', text)
    for (const text of texts) this.#append(text, false)
    return this
  }

  /** Appends text of a format as C has it: `%s %d %u %x %f …`; see `strprintf`. EINVAL. (MX-04) */
  printf(format: string, ...args: unknown[]): this {
    if (typeof format !== 'string') throw invalid('a format', 'is text', format)
    return this.push(formatText(format, args))
  }

  /**
   * Appends rows: columns that stand in line, with their names above, or one element `name` a row with the columns as its
   * attributes. Names must be XML names (ERR_INVALID_ARGUMENT).
   */
  table(name: string, rows: readonly ControlRow[]): this {
    const columns = Object.keys(rows[0] ?? {})
    for (const each of [name, ...columns]) checkName(each)
    if (!this.xml) return this.#append(aligned(columns, rows), false)
    // As in text: what a row has beyond the columns is left out, and so are names that nobody has looked at.
    for (const row of rows)
      this.#append(xmlElement(name, Object.fromEntries(columns.map((column) => [column, row[column]]))), true)
    return this
  }

  /** Appends fields: lines `name: value`, or elements named so. */
  fields(values: ControlRow): this {
    const given = Object.entries(values).filter(([, value]) => value !== undefined)
    for (const [name] of given) checkName(name)
    for (const [name, value] of given) {
      if (this.xml) this.#append(xmlElement(name, {}, xmlText(String(value))), true)
      else this.#append(`${name}: ${shownValue(value)}\n`, false)
    }
    return this
  }

  /** The command has failed, and says so with this text: the answer's first word will be `error`. */
  fail(text: string): this {
    this.push(text)
    this.#failed = true
    return this
  }

  /** Text as it was appended; with XML, the inside of the result's element. */
  toString(): string {
    if (!this.xml) return this.#parts.map(({ value }) => value).join('')
    const pieces: string[] = []
    let text = ''
    const flush = (): void => {
      if (text !== '') pieces.push(xmlElement('text', {}, text))
      text = ''
    }
    for (const { isXml, value } of this.#parts) {
      if (!isXml) text += value
      else {
        flush()
        pieces.push(value)
      }
    }
    flush()
    return pieces.join('')
  }

  /** @internal Nothing is appended from here on. */
  end(): void {
    this.#isDone = true
  }

  #append(text: string, isXml: boolean): this {
    if (this.#isDone) throw new HeddleError('ERR_RESPONSE_DONE', 'the command is over, and so is its answer')
    const value = this.xml && !isXml ? xmlText(text) : text
    const bytes = Buffer.byteLength(value)
    if (this.#bytes + bytes > this.#limit)
      throw new HeddleError('EMSGSIZE', `the answer would have more than ${this.#limit} bytes`)
    this.#bytes += bytes
    this.#parts.push({ isXml, value })
    return this
  }
}

function checkName(name: string): void {
  if (!isXmlName(name)) throw invalid('a name in an answer', 'has letters, digits and _ . -', name)
}

/** Cells stay on their line. */
function shownValue(value: unknown): string {
  return value === undefined ? '' : String(value).replace(/[\r\n]+/g, ' ')
}

/** The first column to the left, numbers to the right. */
function aligned(columns: readonly string[], rows: readonly ControlRow[]): string {
  if (columns.length === 0) return ''
  const lines = [columns, ...rows.map((row) => columns.map((column) => shownValue(row[column])))]
  const widths = columns.map((_, at) => lines.reduce((most, line) => Math.max(most, length(line[at])), 0))
  const isNumber = columns.map((column) => rows.every((row) => isNumeric(row[column])))
  return lines
    .map(
      (line) =>
        `${columns
          .map((_, at) => cell(line, at))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')

  function cell(line: readonly string[], at: number): string {
    const text = line[at] ?? ''
    return isNumber[at] ? text.padStart(widths[at] as number) : text.padEnd(widths[at] as number)
  }
}

const length = (text: string | undefined): number => text?.length ?? 0

const isNumeric = (value: unknown): boolean =>
  value === undefined || typeof value === 'number' || typeof value === 'bigint'
