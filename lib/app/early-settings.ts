import { dirname, resolve } from 'node:path'
import type { ConfigOverride } from '../config'
import {
  loadConfig,
  parseValue,
  type SettingNode,
  type StatementNode,
  type ValueNode,
} from '../config/syntax'

// What has to be known of a configuration before its options are read by their types, or without doing that at all. Errors are
// those of the configuration.

/** Folders with manifests: implicitly loaded modules are looked for there while the options are read. */
export async function modulePathOf(file: string, overrides: readonly ConfigOverride[]): Promise<string[]> {
  const folder = dirname(file)
  const said = overrides.findLast(({ path }) => path.toLowerCase().replace(/^global\./, '') === 'module_path')
  const { body } = await loadConfig(file)
  const setting = settingIn(body, 'module_path')
  if (said !== undefined)
    return textsOf(parseValue(said.text, { file: '-D' })).map((text) => resolve(folder, text))
  if (setting === undefined) return []
  return textsOf(setting.value).map((text) => resolve(dirname(setting.file), text))
}

/** The last one counts. */
export function settingIn(body: readonly StatementNode[], key: string): SettingNode | undefined {
  const settings = body.filter((node) => node.kind === 'setting')
  return settings.findLast((node) => node.key === key)
}

export function textsOf(node: ValueNode): string[] {
  if (node.kind === 'scalar') return [node.text]
  return node.kind === 'array' ? node.items.flatMap(textsOf) : []
}
