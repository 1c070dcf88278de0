import { readFileSync } from 'node:fs'

/** No line of a message is longer than this. */
const MOST_CHARACTERS = 120

interface Located {
  readonly text: string
  readonly file: string
  readonly line: number
}

/**
 * Problems as texts, each with the line that it is about below it, where it begins with `file:line`; in the order of files and
 * lines, those without any first. What shows its line already stays as it is. Files that cannot be read show none.
 */
export function withLines(problems: readonly string[]): string[] {
  const files = new Map<string, readonly string[]>()
  const linesOf = (file: string): readonly string[] => {
    const known = files.get(file) ?? readLines(file)
    files.set(file, known)
    return known
  }
  return problems
    .map(located)
    .sort((a, b) => compare(a.file, b.file) || a.line - b.line)
    .map(({ text, file, line }) => {
      const shown = text.includes('\n') ? undefined : linesOf(file)[line - 1]
      return shown === undefined ? text : `${text}\n  ${clean(shown)}`
    })
}

function located(text: string): Located {
  const [, file = '', line = '0'] = /^(.+?):(\d+)(?::\d+)?: /.exec(text) ?? []
  return { text, file, line: Number(line) }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function readLines(file: string): readonly string[] {
  if (file === '') return []
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)
  } catch {
    return []
  }
}

function clean(line: string): string {
  const text = line.replace(/[\p{Cc}\p{Surrogate}]/gu, (one) => (one === '\t' ? one : '\ufffd'))
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}
