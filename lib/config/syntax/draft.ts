import type { Loaded, LoadedFile, LoadedStatement } from './load'
import type { SettingNode, StanzaNode } from './node'

/**
 * A loaded configuration while changes are made to it, before they become edits of texts: each statement with the
 * file it is in, what was taken out marked, what is new without an origin. Lives for one `writeBack`.
 */

/** `name "instance"` on the way to a setting. The name is compared in lower case, the instance as it is. */
export interface ScopeStep {
  readonly name: string
  readonly instance?: string | undefined
}

/** A setting that is there, or a new one. */
export interface DraftSetting {
  readonly kind: 'setting'
  readonly file: string
  readonly name: string
  readonly key: string
  readonly origin: SettingNode | undefined
  /** The value as it is to be written; undefined: as it is. */
  value: string | undefined
  removed: boolean
}

/** A stanza, or the statements of a file outside of all stanzas. */
export interface DraftStanza {
  readonly kind: 'stanza'
  readonly file: string
  readonly name: string
  readonly key: string
  readonly instance: string | undefined
  readonly origin: StanzaNode | undefined
  readonly body: DraftStatement[]
  removed: boolean
}

export type DraftStatement = DraftSetting | DraftStanza

/** What is outside of all stanzas, of all files in order. */
export function draftOf(loaded: Loaded): DraftStanza {
  return { ...newStanza('', { name: '' }), body: loaded.body.map(draftStatement) }
}

export function newStanza(file: string, { name, instance }: ScopeStep): DraftStanza {
  const key = name.toLowerCase()
  return { kind: 'stanza', file, name, key, instance, origin: undefined, body: [], removed: false }
}

export function newSetting(file: string, name: string, value: string): DraftSetting {
  return { kind: 'setting', file, name, key: name.toLowerCase(), origin: undefined, value, removed: false }
}

/** All stanzas that a step means, in order: what stands in several of them belongs together. */
export function stanzasAt(outer: readonly DraftStanza[], { name, instance }: ScopeStep): DraftStanza[] {
  const key = name.toLowerCase()
  return outer.flatMap((stanza) =>
    bodyOf(stanza).filter(
      (node): node is DraftStanza =>
        node.kind === 'stanza' && !node.removed && node.key === key && node.instance === instance,
    ),
  )
}

/** All settings of a name in these stanzas, in order: the last one counts. */
export function settingsIn(stanzas: readonly DraftStanza[], name: string): DraftSetting[] {
  const key = name.toLowerCase()
  return stanzas.flatMap((stanza) =>
    bodyOf(stanza).filter(
      (node): node is DraftSetting => node.kind === 'setting' && !node.removed && node.key === key,
    ),
  )
}

/** What it says; what stands in `Global { }` outside of all stanzas is said outside of all stanzas. */
function bodyOf({ key, body }: DraftStanza): readonly DraftStatement[] {
  if (key !== '') return body
  return body.flatMap((node) =>
    node.kind === 'stanza' && isGlobal(node) && !node.removed ? node.body : [node],
  )
}

/** The way to a stanza without `Global`, which is none. */
export function withoutGlobal(scope: readonly ScopeStep[]): readonly ScopeStep[] {
  const [first] = scope
  return first && isGlobal(first) ? scope.slice(1) : scope
}

function isGlobal({ name, instance }: ScopeStep): boolean {
  return name.toLowerCase() === 'global' && instance === undefined
}

/** Whether a file may be written; one that does not exist yet may. */
export function isWritable(files: ReadonlyMap<string, LoadedFile>, file: string): boolean {
  return files.get(file)?.writable ?? true
}

function draftStatement(node: LoadedStatement): DraftStatement {
  if (node.kind === 'setting') {
    const { file, name, key } = node
    return { kind: 'setting', file, name, key, origin: node, value: undefined, removed: false }
  }
  const { file, name, key, instance } = node
  const body = (node.body as readonly LoadedStatement[]).map(draftStatement)
  return { kind: 'stanza', file, name, key, instance, origin: node, body, removed: false }
}
