import { dirname, resolve } from 'node:path'
import type { ConfigOverride } from '../config'
import {
  loadConfig,
  parseValue,
  type SettingNode,
  type StatementNode,
  type ValueNode,
} from '../config/syntax'
import { SOCKET } from './settings'

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

/**
 * The control socket of a configuration, for those who want to talk to the process that runs it; undefined: it opens none, or one
 * on a port.
 */
export async function controlPathOf(file: string): Promise<string | undefined> {
  const { body } = await loadConfig(file)
  const stanzas = body.filter((node) => node.kind === 'stanza' && node.key === 'control')
  const within = stanzas.flatMap((node) => (node.kind === 'stanza' ? node.body : []))
  if (stanzas.length === 0 || settingIn(within, 'port') !== undefined) return undefined
  const setting = settingIn(within, 'path')
  const [path = SOCKET] = setting === undefined ? [] : textsOf(setting.value)
  return resolve(dirname(setting?.file ?? file), path)
}

/** The last one counts. */
function settingIn(body: readonly StatementNode[], key: string): SettingNode | undefined {
  const settings = body.filter((node) => node.kind === 'setting')
  return settings.findLast((node) => node.key === key)
}

function textsOf(node: ValueNode): string[] {
  if (node.kind === 'scalar') return [node.text]
  return node.kind === 'array' ? node.items.flatMap(textsOf) : []
}
