import { invalid } from '../../arguments'
import { replaceFiles } from '../files'
import { ConfigError } from './config-error'
import {
  type DraftSetting,
  type DraftStanza,
  draftOf,
  isWritable,
  newSetting,
  newStanza,
  type ScopeStep,
  settingsIn,
  stanzasAt,
  withoutGlobal,
} from './draft'
import { applyEdits } from './edits'
import type { Loaded, LoadedFile } from './load'
import type { Place, ValueNode } from './node'
import { parseConfig } from './parser'
import { type PlainValue, printName, printNode, printValue } from './print'
import { editsOf } from './redraft'

/** A value that is set, or the lot of a stanza. Names are compared in lower case. (CF-31) */
export type Change =
  | {
      readonly kind: 'set'
      readonly scope: readonly ScopeStep[]
      readonly name: string
      /** Plain data, or what `parseValue` gave, which is written as it was spelt. */
      readonly value: PlainValue | ValueNode
    }
  | { readonly kind: 'unset'; readonly scope: readonly ScopeStep[]; readonly name: string }
  /** The stanza is there afterwards, with what it holds or empty. */
  | { readonly kind: 'create'; readonly scope: readonly ScopeStep[] }
  /** All stanzas of this name and instance are gone, with what they hold. */
  | { readonly kind: 'remove'; readonly scope: readonly ScopeStep[] }

/** What a file is to hold. */
export interface FileChange {
  readonly path: string
  readonly text: string
  /** What was read from it; `null` if there was no such file. `saveChanges` overwrites nothing else. */
  readonly expected: string | null
}

/**
 * The new texts of the files that changes belong to, and only of those; nothing is written. Changes are made one
 * after the other. A value that is there is replaced where it counts, which is where it comes last; a new one is
 * put at the end of the last stanza it belongs to, or of the main file. What belongs to a file that must not be
 * written goes to the local changes file, as everything does with `localChangesOnly`; ERR_CONFIG_READONLY where
 * there is none, or where something would have to be taken out. Comments and blanks elsewhere stay as they are.
 * (CF-31, A-CF-21)
 */
export function writeBack(loaded: Loaded, changes: readonly Change[]): FileChange[] {
  const writer = new Writer(loaded)
  for (const change of changes) writer.make(change)
  return writer.texts()
}

/**
 * Writes what `writeBack` gave; then load again. ERR_CONFIG_STALE if a file no longer has the text that was read, and
 * what the system refuses: then nothing is written, short of a renaming that fails after another. (CF-31)
 */
export async function saveChanges(changes: readonly FileChange[]): Promise<void> {
  await replaceFiles(changes)
}

class Writer {
  readonly #loaded: Loaded
  readonly #draft: DraftStanza

  constructor(loaded: Loaded) {
    this.#loaded = loaded
    this.#draft = draftOf(loaded)
  }

  make(change: Change): void {
    const scope = withoutGlobal(change.scope)
    if (change.kind === 'set') this.#set(scope, printName(change.name), valueText(change.value))
    else if (change.kind === 'unset') this.#take(settingsIn(this.#at(scope), change.name))
    else if (change.kind === 'create') this.#create(scope)
    else if (change.kind === 'remove') this.#take(scope.length === 0 ? [] : this.#at(scope))
    else throw invalid('the kind of a change', 'is set, unset, create or remove', (change as Change).kind)
  }

  texts(): FileChange[] {
    const changes: FileChange[] = []
    for (const [path, edits] of editsOf(this.#draft, this.#loaded.files)) {
      const old = this.#loaded.files.get(path)?.tree.text
      const text = applyEdits(old ?? '', edits)
      // What was written must be read again: better to fail here than at the next start.
      parseConfig(text, { file: path })
      if (text !== old) changes.push({ path, text, expected: old ?? null })
    }
    return changes
  }

  #set(scope: readonly ScopeStep[], name: string, value: string): void {
    const counts = settingsIn(this.#at(scope), name).pop()
    if (counts === undefined) this.#insert(scope, newSettingOf(name, value))
    else if (this.#mayChange(counts.file)) counts.value = value
    else this.#insertLocally(scope, newSettingOf(name, value), counts)
  }

  #create(scope: readonly ScopeStep[]): void {
    const last = scope.at(-1)
    if (last === undefined || this.#at(scope).length > 0) return
    this.#insert(scope.slice(0, -1), (file) => newStanza(file, last))
  }

  /** Into the last stanza of the scope that may be changed, or into one made for it; else into the main file. */
  #insert(scope: readonly ScopeStep[], make: Maker): void {
    for (let depth = scope.length; depth > 0; depth--) {
      const open = this.#at(scope.slice(0, depth)).filter(({ file }) => this.#mayChange(file))
      const stanza = open.pop()
      if (stanza === undefined) continue
      insertBelow(stanza, scope.slice(depth), stanza.file, make)
      return
    }
    const { root } = this.#loaded
    if (this.#mayChange(root.path)) insertBelow(this.#draft, scope, root.path, make)
    else this.#insertLocally(scope, make, undefined)
  }

  /** The local changes file is read last: what it says counts. */
  #insertLocally(scope: readonly ScopeStep[], make: Maker, instead: DraftSetting | undefined): void {
    const local = this.#localFile(instead)
    let stanzas = [this.#draft]
    let within = this.#draft
    let depth = 0
    for (const step of scope) {
      stanzas = stanzasAt(stanzas, step).filter(({ file }) => file === local)
      const last = stanzas.at(-1)
      if (last === undefined) break
      within = last
      depth++
    }
    insertBelow(within, scope.slice(depth), local, make)
  }

  #localFile(instead: DraftSetting | undefined): string {
    const { localChangesFile, files, root } = this.#loaded
    if (localChangesFile !== undefined && isWritable(files, localChangesFile)) return localChangesFile
    throw readonly(instead?.origin, instead?.file ?? root.path, files, 'and there is no local changes file')
  }

  /** All of them, or an error before any of them is taken. */
  #take(found: readonly (DraftSetting | DraftStanza)[]): void {
    const { files } = this.#loaded
    for (const { file, origin } of found)
      if (!this.#mayChange(file)) throw readonly(origin, file, files, 'and a local change cannot take it out')
    for (const statement of found) statement.removed = true
  }

  #at(scope: readonly ScopeStep[]): DraftStanza[] {
    let stanzas = [this.#draft]
    for (const step of scope) stanzas = stanzasAt(stanzas, step)
    return stanzas
  }

  #mayChange(file: string): boolean {
    const { files, localChangesFile, localChangesOnly } = this.#loaded
    if (localChangesOnly && file !== localChangesFile) return false
    return isWritable(files, file)
  }
}

type Maker = (file: string) => DraftSetting | DraftStanza

function newSettingOf(name: string, value: string): Maker {
  return (file) => newSetting(file, name, value)
}

function insertBelow(stanza: DraftStanza, steps: readonly ScopeStep[], file: string, make: Maker): void {
  let within = stanza
  for (const step of steps) {
    const inner = newStanza(file, step)
    within.body.push(inner)
    within = inner
  }
  within.body.push(make(file))
}

function valueText(value: PlainValue | ValueNode): string {
  const isNode = typeof value === 'object' && 'kind' in value
  return isNode ? printNode(value) : printValue(value)
}

function readonly(
  origin: Place | undefined,
  file: string,
  files: ReadonlyMap<string, LoadedFile>,
  why: string,
): ConfigError {
  const reason = `this file is not to be written, ${why}`
  if (origin === undefined) return new ConfigError('ERR_CONFIG_READONLY', reason, { file }, { path: file })
  const { line, column, start: offset } = origin
  const text = files.get(file)?.tree.text ?? ''
  return new ConfigError('ERR_CONFIG_READONLY', reason, { file, line, column, text, offset }, { path: file })
}
