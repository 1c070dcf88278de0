/**
 * What must be changed in one tree to make it say what another says. Stanzas of one name and instance count as one. Plain
 * functions. (CF-31)
 */
import { OVERRIDE_ORIGIN } from './overrides'
import { unitedChildren } from './sections/located-node'
import type { Change, PlainValue, ScopeStep } from './syntax'
import { type ConfigNode, emptyNode } from './tree'
import { isDictionary, type RawValue, sameRaw } from './value'

/** What stands in a stanza that is not there. */
const NOTHING: ConfigNode = emptyNode({ file: '', line: 0, column: 0 })

/** In the order in which they can be made. What a command line has set is left as it is in the old tree. */
export function changesBetween(old: ConfigNode, now: ConfigNode): Change[] {
  const changes: Change[] = []
  compare(old, now, [], changes)
  return changes
}

/** A value as the writers of files take it. */
export function plainOf(raw: RawValue): PlainValue {
  if (typeof raw === 'string') return raw
  if (!isDictionary(raw)) return raw.map(plainOf)
  return new Map(raw.entries.map(([name, value]) => [name, plainOf(value)]))
}

function compare(old: ConfigNode, now: ConfigNode, scope: readonly ScopeStep[], into: Change[]): void {
  const before = old.settings
  for (const { name, key, value, origin } of now.settings.values()) {
    const known = before.get(key)
    if (origin.file === OVERRIDE_ORIGIN || (known && sameRaw(known.value, value))) continue
    into.push({ kind: 'set', scope, name, value: plainOf(value) })
  }
  for (const { name, key } of before.values())
    if (!now.settings.has(key)) into.push({ kind: 'unset', scope, name })
  compareChildren(old, now, scope, into)
}

function compareChildren(
  old: ConfigNode,
  now: ConfigNode,
  scope: readonly ScopeStep[],
  into: Change[],
): void {
  const before = unitedChildren(old)
  const after = unitedChildren(now)
  for (const [key, { name, instance }] of before)
    if (!after.has(key)) into.push({ kind: 'remove', scope: [...scope, { name, instance }] })
  for (const [key, child] of after) {
    const { name, instance } = child
    const inner = [...scope, { name, instance }]
    const known = before.get(key)
    if (!known && !isOverride(child)) into.push({ kind: 'create', scope: inner })
    compare(known ?? NOTHING, child, inner, into)
  }
}

/** A stanza that is there for the sake of a command line. */
function isOverride({ origin }: ConfigNode): boolean {
  return origin.file === OVERRIDE_ORIGIN
}
