import { readFile } from 'node:fs/promises'
import type { ImportLimits } from './imports'
import { loadDefinition } from './loader'
import { parseManifest } from './manifest'
import type { ModuleDefinition } from './module-def'
import { printProvides } from './provides'

/** What `generateEcm` made of a manifest. */
export interface GeneratedEcm {
  readonly file: string
  readonly text: string
  /** Whether it differs from what the file holds. */
  readonly isChanged: boolean
}

/** What comes too late is nobody's. */
const LIMITS: ImportLimits = { timeout: 30_000, late: () => {} }
const AUTO = /^\s*msys\.provides\s*:\s*auto\s*=/i
/** A path of scopes; any other single name is the stanza of a module. */
const IN_SCOPES = /[>:]|^\s*(Global|Binding_Group|Binding|Domain|Host|Pathway)\s*$/i
/** Each with its own end. */
const LINES = /[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g
/** A blank line, or a comment. */
const NOTHING = /^\s*([#;].*)?\s*$/
const HEADER = /^\s*\[\s*([A-Za-z0-9_-]+)\s*\]/

/**
 * The text of a manifest with the `msys.provides:auto` lines of what its modules declare as `options`, and nothing else
 * changed: lines written by hand stay, auto lines are made anew. The modules' code is imported, none of its functions is
 * called. Does not write. ERR_MANIFEST, ERR_MODULE_LOAD, ERR_MODULE_DEF, ETIME. (MO-07)
 */
export async function generateEcm(file: string): Promise<GeneratedEcm> {
  const before = await readFile(file, 'utf8')
  const { sections, errors } = parseManifest(before, file)
  if (errors[0] !== undefined) throw errors[0]
  const definitions = new Map<string, ModuleDefinition>()
  for (const section of sections) {
    const { definition } = await loadDefinition(section, LIMITS)
    definitions.set(section.name.toLowerCase(), definition)
  }
  const text = withAutoLines(before, (name) => providedBy(definitions.get(name.toLowerCase())))
  return { file, text, isChanged: text !== before }
}

/** A manifest's text with other auto lines: `provided` gives the values for each section. (MO-07) */
export function withAutoLines(text: string, provided: (module: string) => readonly string[]): string {
  const newline = /\r\n|\n|\r/.exec(text)?.[0] ?? '\n'
  const out: string[] = []
  let pending: readonly string[] = []
  // Behind the last line of a section that says something: comments above the next header stay with that.
  const flush = (): void => {
    let at = out.length
    while (at > 0 && NOTHING.test(out[at - 1] as string)) at -= 1
    if (pending.length > 0 && at > 0) out[at - 1] = ended(out[at - 1] as string, newline)
    out.splice(at, 0, ...pending.map((value) => `msys.provides:auto = ${value}${newline}`))
    pending = []
  }
  for (const line of text.match(LINES) ?? []) {
    const name = HEADER.exec(line)?.[1]
    if (name !== undefined) {
      flush()
      pending = provided(name)
    }
    if (!AUTO.test(line)) out.push(line)
  }
  flush()
  return out.join('')
}

function ended(line: string, newline: string): string {
  return /[\r\n]$/.test(line) ? line : line + newline
}

/** Values of the lines for the options that may stand outside of the module's stanza, in a fixed order. */
function providedBy(definition: ModuleDefinition | undefined): string[] {
  const values = Object.entries(definition?.options ?? {}).flatMap(([key, { name = key, fallback }]) =>
    stepsOf(fallback).map((scopes) => printProvides({ scopes, key: name })),
  )
  return [...new Set(values)].sort()
}

/** Scopes of each step of a fallback path, from `Global`; none for an option of the module's own stanza. */
function stepsOf(fallback: string | undefined): string[][] {
  if (fallback === undefined || !IN_SCOPES.test(fallback)) return []
  return fallback.split('>').map((step) => {
    const scopes = step.split(':').map((scope) => scope.trim())
    return ['Global', ...scopes.filter((scope) => scope.toLowerCase() !== 'global')]
  })
}
