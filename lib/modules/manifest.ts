import { HeddleError } from '../errors'
import { manifestError, messageOf, type ModuleError } from './module-error'
import { type Provides, parseProvides } from './provides'

/** A line of a section that is neither blank nor a comment. (MO-18) */
export interface ManifestEntry {
  readonly key: string
  /** The `auto` of `msys.provides:auto`. */
  readonly tag: string | undefined
  readonly value: string
  readonly line: number
}

/** What a manifest says of one module. (MO-02) */
export interface ManifestSection {
  readonly name: string
  /** The manifest. The module's code lies beside it, in a file of the same name. */
  readonly file: string
  readonly line: number
  /** Modules, or capabilities, that are loaded before this one. (MO-03) */
  readonly requires: readonly string[]
  readonly provides: readonly Provides[]
  /** Everything that was written, in its order, with keys that mean nothing to Heddle. */
  readonly entries: readonly ManifestEntry[]
}

/** A manifest: `name.ecm`. */
export interface ModuleManifest {
  readonly file: string
  /** Those without a bad line. */
  readonly sections: readonly ManifestSection[]
  readonly errors: readonly ModuleError[]
}

const HEADER = /^\[\s*([A-Za-z0-9_-]{1,64})\s*\]$/
const ENTRY = /^([A-Za-z0-9_.-]+)\s*(?::\s*([A-Za-z0-9_]+))?\s*=\s*(.*)$/

interface OpenSection {
  readonly name: string
  readonly line: number
  readonly requires: string[]
  readonly provides: Provides[]
  readonly entries: ManifestEntry[]
  bad: boolean
}

/**
 * Reads a manifest. A line that cannot be read is an error with file and line, and its section is left out; the other
 * sections are good. Never throws for what a file may hold. (MO-01)
 */
export function parseManifest(text: string, file: string): ModuleManifest {
  const errors: ModuleError[] = []
  const found: OpenSection[] = []
  // Lines below a header that cannot be read belong to a section that is not kept.
  let open: OpenSection | undefined
  let inSection = false
  text.split(/\r\n|\n|\r/).forEach((raw, index) => {
    const line = index + 1
    const content = withoutComment(index === 0 ? raw.replace(/^\uFEFF/, '') : raw)
    if (content === '') return
    try {
      if (content.startsWith('[')) {
        inSection = true
        open = undefined
        open = header(content, line, file)
        found.push(open)
      } else if (open !== undefined) entry(open, content, line, file)
      else if (!inSection) throw manifestError(file, line, 'a line before the first [name]')
    } catch (error) {
      if (open !== undefined) open.bad = true
      errors.push(located(error, file, line))
    }
  })
  return { file, sections: kept(found, file, errors), errors }
}

/** A value in quotation marks, and what may come behind it. */
const QUOTED = /^([^"#;]*=\s*"[^"]*")\s*(?:[#;].*)?$/

/** Without blanks around it and without the comment behind it, which begins after a blank or at the start, but not in quotes. */
function withoutComment(raw: string): string {
  return QUOTED.exec(raw)?.[1]?.trim() ?? raw.replace(/(^|\s)[#;].*$/, '').trim()
}

function header(content: string, line: number, file: string): OpenSection {
  const name = HEADER.exec(content)?.[1]
  if (name === undefined)
    throw manifestError(file, line, `expected [name] of letters, digits, _ and -: ${content}`)
  return { name, line, requires: [], provides: [], entries: [], bad: false }
}

function entry(open: OpenSection, content: string, line: number, file: string): void {
  const match = ENTRY.exec(content)
  if (match === null) throw manifestError(file, line, `expected key = value: ${content}`)
  const key = match[1] as string
  const tag = match[2]
  const value = unquoted(match[3] as string)
  const name = key.toLowerCase()
  if (name.startsWith('msys.') && value === '') throw manifestError(file, line, `${key} needs a value`)
  if (name === 'msys.requires') open.requires.push(requirement(value, line, file))
  if (name === 'msys.provides') open.provides.push({ ...parseProvides(value), auto: isAuto(tag, line, file) })
  open.entries.push({ key, tag, value, line })
}

function requirement(value: string, line: number, file: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(value)) return value
  throw manifestError(file, line, `msys.requires takes one name: ${value}`)
}

function isAuto(tag: string | undefined, line: number, file: string): boolean {
  if (tag === undefined) return false
  if (tag.toLowerCase() === 'auto') return true
  throw manifestError(file, line, `msys.provides knows the tag :auto, not :${tag}`)
}

function unquoted(value: string): string {
  const quoted = /^"([^"]*)"$/.exec(value)
  return quoted ? (quoted[1] as string) : value
}

function located(error: unknown, file: string, line: number): ModuleError {
  if (error instanceof HeddleError && 'line' in error) return error as ModuleError
  return manifestError(file, line, messageOf(error))
}

/** Good sections; of two with one name the second is an error. */
function kept(found: readonly OpenSection[], file: string, errors: ModuleError[]): ManifestSection[] {
  const lines = new Map<string, number>()
  const sections: ManifestSection[] = []
  for (const { name, line, requires, provides, entries, bad } of found) {
    const before = lines.get(name.toLowerCase())
    if (before !== undefined) {
      errors.push(
        manifestError(file, line, `[${name}] is at ${file}:${before} already`, 'ERR_MODULE_DUPLICATE'),
      )
      continue
    }
    lines.set(name.toLowerCase(), line)
    if (!bad) sections.push({ name, file, line, requires, provides, entries })
  }
  return sections
}
