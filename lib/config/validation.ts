/**
 * Reads every setting of a tree as the option it is, and says what is wrong with it: all errors at once, with place and
 * path. Run on the thread of the Config, twice a commit if modules register options in between.
 */
import type { Option } from './options'
import { patternText } from './source'
import { ConfigError } from './syntax'
import type { Setting } from './tree'
import { patternOf, type TreeNode, type TreeSource } from './tree-source'

/** What a transaction tells beside its success. */
export interface ConfigWarning {
  /** The option and its stanza as a path. */
  readonly option: string
  /** `file:line` if it is in a file. */
  readonly place: string | undefined
  readonly message: string
}

export interface Finding {
  readonly option: Option
  readonly node: TreeNode
  readonly setting: Setting
}

/** A setting where options are expected that is none. */
export interface Stranger {
  readonly node: TreeNode
  readonly setting: Setting
}

export interface Found extends Stranger {
  readonly option: Option | undefined
  readonly chain: string
}

export interface Validation {
  /** Settings that are options. */
  readonly findings: readonly Finding[]
  /** Settings in stanzas of options that are none. */
  readonly strangers: readonly Stranger[]
}

/** A report of more helps nobody. */
const MAX_ERRORS = 100

/** @throws ConfigError ERR_CONFIG_VALUE; `all` has every error. */
export function validateTree(source: TreeSource): Validation {
  const findings: Finding[] = []
  const strangers: Stranger[] = []
  const errors = badPatterns(source)
  for (const { option, node, setting, chain } of settingsOf(source)) {
    if (option !== undefined) {
      findings.push({ option, node, setting })
      noting(errors, () => node.entry(option.slot))
    } else if (isKnown(source, chain)) strangers.push({ node, setting })
  }
  const [first] = errors
  if (first === undefined) return { findings, strangers }
  first.all = errors
  throw first
}

/** Every setting with the option it is, if it is one. */
export function settingsOf(source: TreeSource): Found[] {
  const found: Found[] = []
  visit(source, source.root, '', (node, chain) => {
    for (const setting of node.node.settings.values()) {
      found.push({ option: source.options.at(chain, setting.key), node, setting, chain })
    }
  })
  return found
}

/** Calls with each node and the chain of scopes it stands in. */
function visit(
  source: TreeSource,
  node: TreeNode,
  chain: string,
  call: (node: TreeNode, chain: string) => void,
): void {
  call(node, chain)
  for (const [type, children] of node.children) {
    const inner = innerChain(source, node, chain, type)
    for (const child of children) visit(source, child, inner, call)
  }
}

/** A group's stanzas count as if they stood outside of it. */
export function innerChain(source: TreeSource, parent: TreeNode, chain: string, type: string): string {
  if (chain !== '' && source.scope(parent.node.type)?.groups === type) {
    const outer = chain.lastIndexOf(':')
    return outer < 0 ? type : `${chain.slice(0, outer)}:${type}`
  }
  return chain === '' ? type : `${chain}:${type}`
}

/** Whether options are expected there: in a declared scope, and in the stanza of a module that has registered some. */
function isKnown(source: TreeSource, chain: string): boolean {
  if (chain === '') return true
  const types = chain.split(':')
  return types.every((type) => source.scope(type) !== undefined) || source.options.hasModule(chain)
}

/** Instances that are patterns, of scopes that have any. */
export function badPatterns(source: TreeSource): ConfigError[] {
  const errors: ConfigError[] = []
  visit(source, source.root, '', ({ node }) => {
    const text = patternText(node.instance)
    const scope = source.scope(node.type)
    if (text === undefined || scope?.instances !== true) return
    noting(errors, () => patternOf(node, text, scope))
  })
  return errors
}

function noting(errors: ConfigError[], run: () => unknown): void {
  if (errors.length >= MAX_ERRORS) return
  try {
    run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    errors.push(error)
  }
}
