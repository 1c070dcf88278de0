/**
 * What a look-up reads a generation through: the tree in the isolate of the Config, the image in shared memory
 * elsewhere. Both answer alike; `place.ts` knows no other difference.
 */
import type { Entry } from './entry'
import type { Scope } from './scopes'
import type { OptionSlot } from './slot'

/** A stanza that values may stand in. */
export interface SourceNode {
  /** Stanzas in this one of that scope and instance (undefined: without one), the last first. */
  exact(scope: Scope, instance: string | undefined): readonly SourceNode[]
  /** Stanzas in this one whose instance is a `/pattern/`, in the order of the configuration. */
  patterns(scope: Scope): readonly PatternNode[]
  /** All stanzas in this one of that scope, in the order of the configuration. */
  all(scope: Scope): readonly SourceNode[]
  /** The value this very stanza gives the option, if it does. */
  entry(slot: OptionSlot): Entry | undefined
}

export interface PatternNode {
  readonly pattern: RegExp
  readonly node: SourceNode
}

export interface Source {
  readonly root: SourceNode
  /** The scope of a type, for groups. */
  scope(type: string): Scope | undefined
  /** Scopes that gather stanzas of the given one. */
  groupsOf(type: string): readonly Scope[]
  /** What holds where no stanza says anything. */
  fallbackEntry(slot: OptionSlot): Entry
}

/** The text between the slashes of an instance that is a pattern. (CF-32) */
export function patternText(instance: string | undefined): string | undefined {
  if (instance === undefined || instance.length < 2) return undefined
  return instance.startsWith('/') && instance.endsWith('/') ? instance.slice(1, -1) : undefined
}
