import { HeddleError, type HeddleErrorOptions } from '../../errors'

/** No line of an error is longer than this; what is left out shows as `…`. */
const EXCERPT_CHARACTERS = 120

/** Where an error is, with the text around it if there is one. */
export interface ConfigErrorPlace {
  readonly file: string
  /** From 1. Left out where the whole file is meant. */
  readonly line?: number
  /** From 1, in UTF-16 units. */
  readonly column?: number
  /** The text that was read, from which the line is shown. */
  readonly text?: string
  /** Offset of the error in `text`. */
  readonly offset?: number
}

/**
 * A configuration that cannot be used. The message begins with `file:line:column` and shows the line with a caret
 * below the place. `code` is `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_ENCODING`, `ERR_CONFIG_INCLUDE`, `ERR_CONFIG_LIMIT`,
 * another `ERR_CONFIG_…` code of those who read values, or the POSIX name of what the system said about the file.
 * (CF-29, CF-30)
 */
export class ConfigError extends HeddleError {
  readonly file: string
  /** From 1; undefined where the whole file is meant. */
  readonly line: number | undefined
  /** From 1. */
  readonly column: number | undefined
  /** What is wrong, without place and line. */
  readonly reason: string
  /** The line and, below, the caret; empty where there is no line to show. */
  readonly excerpt: string
  #all: readonly ConfigError[] | undefined

  constructor(code: string, reason: string, place: ConfigErrorPlace, options: HeddleErrorOptions = {}) {
    const excerpt = excerptOf(place)
    super(code, messageOf(reason, place, excerpt), options)
    this.file = place.file
    this.line = place.line
    this.column = place.column
    this.reason = reason
    this.excerpt = excerpt
  }

  /** All errors that were found in one go, this one first. */
  get all(): readonly ConfigError[] {
    return this.#all ?? [this]
  }

  /** @internal */
  set all(errors: readonly ConfigError[]) {
    this.#all = errors
  }

  /** Every error that was found, each with its place and line. */
  report(): string {
    return this.all.map((error) => error.message).join('\n')
  }
}

/** `file:line:column`, as far as it is known. */
export function located({ file, line, column }: ConfigErrorPlace): string {
  if (line === undefined) return file
  return column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`
}

function messageOf(reason: string, place: ConfigErrorPlace, excerpt: string): string {
  const head = `${located(place)}: ${reason}`
  return excerpt === '' ? head : `${head}\n${excerpt}`
}

/** The line around the offset and a caret; never much of a line without an end. */
function excerptOf({ text, offset }: ConfigErrorPlace): string {
  if (text === undefined || offset === undefined) return ''
  const before = beforeOf(text, offset)
  const after = afterOf(text, offset)
  const line = `  ${before}${after}`.replace(/[\p{Cc}\p{Surrogate}]/gu, (character) =>
    character === '\t' ? character : '\ufffd',
  )
  return `${line}\n  ${before.replace(/[^\t]/g, ' ')}^`
}

function beforeOf(text: string, offset: number): string {
  const from = Math.max(0, offset - EXCERPT_CHARACTERS / 2)
  const piece = text.slice(from, offset)
  const lineStart = piece.lastIndexOf('\n') + 1
  if (lineStart > 0 || from === 0) return piece.slice(lineStart)
  return `…${piece}`
}

function afterOf(text: string, offset: number): string {
  const piece = text.slice(offset, offset + EXCERPT_CHARACTERS)
  const line = /^[^\r\n]*/.exec(piece)?.[0] ?? ''
  return line.length === EXCERPT_CHARACTERS ? `${line}…` : line
}
