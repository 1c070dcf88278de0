/**
 * Options that cannot be tuned while the program runs: a change is stored, and shown, but what is in effect stays as it
 * was at the start (CF-17). So a generation has two trees, which differ in such options only. Of the isolate of the Config.
 */
import { Draft } from './draft'
import type { PathStep } from './path'
import { printPath } from './path'
import type { ConfigNode, Setting } from './tree'
import type { TreeSource } from './tree-source'
import { type ConfigWarning, settingsOf } from './validation'
import { originText, sameRaw } from './value'

export interface Tuned {
  /** The tree that is in effect. */
  readonly root: ConfigNode
  readonly warnings: readonly ConfigWarning[]
}

interface Fixed {
  readonly steps: readonly PathStep[]
  readonly setting: Setting
}

const MESSAGE = 'takes effect at the next start'

/** What of `pending` takes effect while `running` is. */
export function tuned(pending: TreeSource, running: TreeSource): Tuned {
  const wanted = fixedSettings(pending)
  const held = fixedSettings(running)
  const warnings: ConfigWarning[] = []
  const draft = new Draft(pending.root.node)
  for (const [path, { steps, setting }] of wanted) {
    const old = held.get(path)
    if (old !== undefined && sameRaw(old.setting.value, setting.value)) continue
    warnings.push({ option: path, place: originText(setting.origin), message: MESSAGE })
    if (old === undefined) draft.unset(steps, setting.key)
    else draft.set(steps, old.setting)
  }
  for (const [path, { steps, setting }] of held) {
    if (wanted.has(path)) continue
    warnings.push({ option: path, place: undefined, message: MESSAGE })
    draft.set(steps, setting)
  }
  return { root: warnings.length === 0 ? pending.root.node : draft.root, warnings }
}

/** Settings of such options, by path. */
function fixedSettings(source: TreeSource): Map<string, Fixed> {
  const settings = new Map<string, Fixed>()
  if (!source.options.list().some(({ def }) => def.notTunableOnline)) return settings
  for (const { option, node, setting } of settingsOf(source)) {
    if (option?.def.notTunableOnline !== true) continue
    settings.set(printPath(node.steps(), setting.key), { steps: node.steps(), setting })
  }
  return settings
}
