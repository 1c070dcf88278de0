/**
 * Options that cannot be tuned while the program runs: a change is stored, and shown, but what is in effect stays as it
 * was at the start (CF-17). So a generation has two trees, which differ in such options only. Of the isolate of the Config.
 *
 * A stanza that is for itself, as a listener's is, may come and go as a whole: nobody runs with the old values of one that is new, and
 * nobody with those of one that is gone. It is for itself where it has an instance and the option stands nowhere else.
 */
import { Draft } from './draft'
import type { Option } from './options'
import type { PathStep } from './path'
import { printPath } from './path'
import type { ConfigNode, Setting } from './tree'
import type { TreeNode, TreeSource } from './tree-source'
import { type ConfigWarning, type Found, settingsOf } from './validation'
import { originText, sameRaw } from './value'

/** What of a tree takes effect. */
export interface Tuned {
  /** The tree that is in effect. */
  readonly root: ConfigNode
  readonly warnings: readonly ConfigWarning[]
}

interface Fixed {
  readonly option: Option
  /** The stanza, however its name is spelt. */
  readonly stanza: string
  readonly steps: readonly PathStep[]
  readonly setting: Setting
}

const MESSAGE = 'takes effect at the next start'

/** What of `pending` takes effect while `running` is. Options that are new have nobody who runs with old values. */
export function tuned(
  pending: TreeSource,
  running: TreeSource,
  isNew: (option: Option) => boolean = () => false,
): Tuned {
  const { root } = pending
  const isFixed = (option: Option | undefined) => option?.def.notTunableOnline === true && !isNew(option)
  if (!pending.options.list().some(isFixed)) return { root: root.node, warnings: [] }
  const wanted = fixedSettings(pending, isFixed)
  const held = fixedSettings(running, isFixed)
  const before = stanzas(running)
  const now = stanzas(pending)
  const warnings: ConfigWarning[] = []
  const draft = new Draft(root.node)
  const warn = ({ steps, setting }: Fixed, place?: string) =>
    warnings.push({ option: printPath(steps, setting.key), place, message: MESSAGE })
  for (const [path, fixed] of wanted) {
    const { steps, setting } = fixed
    const old = held.get(path)
    if (old !== undefined && sameRaw(old.setting.value, setting.value)) continue
    if (isForItself(fixed) && !before.has(fixed.stanza)) continue
    warn(fixed, originText(setting.origin))
    if (old === undefined) draft.unset(steps, setting.key)
    else draft.set(steps, old.setting)
  }
  for (const [path, fixed] of held) {
    if (wanted.has(path)) continue
    const steps = now.get(fixed.stanza)
    if (steps === undefined && isForItself(fixed)) continue
    warn(fixed)
    draft.set(steps ?? fixed.steps, fixed.setting)
  }
  return { root: warnings.length === 0 ? root.node : draft.root, warnings }
}

function isForItself({ option, steps }: Fixed): boolean {
  return option.slot.fallback.steps.length === 1 && steps.some(({ instance }) => instance !== undefined)
}

/** Settings of such options, by path; of several at one the last, which counts. */
function fixedSettings(
  source: TreeSource,
  isFixed: (option: Option | undefined) => boolean,
): Map<string, Fixed> {
  const settings = new Map<string, Fixed>()
  for (const { option, node, setting } of settingsOf(source) as (Found & { option: Option })[]) {
    if (!isFixed(option)) continue
    const stanza = foldedOf(source, node)
    settings.set(`${stanza}.${setting.key}`, { option, stanza, steps: node.steps(), setting })
  }
  return settings
}

/** The steps to each stanza, as it is spelt. */
function stanzas(source: TreeSource): Map<string, readonly PathStep[]> {
  const found = new Map<string, readonly PathStep[]>()
  const visit = (node: TreeNode) => {
    found.set(foldedOf(source, node), node.steps())
    for (const children of node.children.values()) for (const child of children) visit(child)
  }
  visit(source.root)
  return found
}

/** The same for all spellings that mean one stanza. */
function foldedOf(source: TreeSource, node: TreeNode): string {
  const steps = node.steps().map(({ type, instance }) => {
    const isFolded = source.scope(type)?.ignoreCase === true
    return [type, isFolded ? instance?.toLowerCase() : instance]
  })
  return JSON.stringify(steps)
}
