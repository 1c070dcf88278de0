/**
 * How a transaction becomes a generation, one at a time: load modules → read and validate every value → prepare modules
 * → validate what was registered meanwhile → postset → swap. What fails before the swap leaves everything as it was. Of
 * the isolate of the Config.
 */
import { HeddleError } from '../errors'
import { ConfigValue } from './config-value'
import type { Attached, Generation } from './generation'
import type { Entry } from './entry'
import type { Option } from './options'
import { attempt, type ConfigParticipant, type Participants } from './participant'
import { inCommit, type Tables } from './running'
import type { Transaction } from './transaction'
import type { TreeSource } from './tree-source'
import { type ConfigWarning, type Finding, settingsOf, type Validation, validateTree } from './validation'
import { originText } from './value'

/** What a successful preparation hands to the swap. */
export interface Prepared {
  readonly source: TreeSource
  readonly attached: Attached[]
  readonly warnings: readonly ConfigWarning[]
}

export interface CommitContext extends Tables {
  readonly participants: Participants
  /** Makes it active. May fail, having changed nothing. Returns the one that was active. */
  swap(txn: Transaction, prepared: Prepared): Generation
}

/** All of a commit. Once the swap is done it cannot fail. */
export function runCommit(context: CommitContext, txn: Transaction): Promise<Prepared> {
  return inCommit(context, async (over) => {
    const called: ConfigParticipant[] = []
    const attached: Attached[] = []
    let prepared: Prepared
    let old: Generation
    try {
      prepared = await prepare(context, txn, called, attached)
      old = context.swap(txn, prepared)
    } catch (error) {
      free(attached)
      await context.participants.abort(txn, called)
      throw error
    }
    over()
    // Before anything of the old one can end.
    context.participants.commit(txn)
    old.retire()
    return prepared
  })
}

async function prepare(
  context: CommitContext,
  txn: Transaction,
  called: ConfigParticipant[],
  attached: Attached[],
): Promise<Prepared> {
  await context.participants.load(txn, called)
  // What modules registered while they were loaded is to be read by its type.
  txn.lookAgain()
  validateTree(txn.source)
  // From here on all read what is going to be in effect.
  const { source, warnings } = txn.inEffect
  await context.participants.prepare(txn)
  // Also of what was registered meanwhile.
  const validation = validateTree(source)
  attach(source, validation, txn, attached)
  return { source, attached, warnings: [...warnings, ...strangersOf(validation)] }
}

/** Calls `postset` for each value, and for the default of what nothing sets. (CF-16) */
function attach(
  source: TreeSource,
  { findings }: Validation,
  txn: Transaction | undefined,
  attached: Attached[],
): void {
  const set = new Set<Option>()
  for (const finding of findings) {
    set.add(finding.option)
    if (finding.option.def.postset !== undefined) attachOne(finding, txn, attached)
  }
  for (const option of source.options.list())
    if (!set.has(option)) attachDefault(option, source, txn, attached)
}

/**
 * The same for one option that the active generation has got since, whose values are valid. What it attached is freed where
 * that fails.
 */
export function attachLate(option: Option, source: TreeSource): Attached[] {
  const { def } = option
  if (def.postset === undefined) return []
  const attached: Attached[] = []
  const found = settingsOf(source).filter((one) => one.option === option) as Finding[]
  try {
    for (const finding of found) attachOne(finding, undefined, attached)
    if (found.length === 0) attachDefault(option, source, undefined, attached)
    return attached
  } catch (error) {
    free(attached)
    throw error
  }
}

function attachOne(
  { option, node, setting }: Finding,
  txn: Transaction | undefined,
  attached: Attached[],
): void {
  const entry = node.entry(option.slot)
  if (entry !== undefined) callPostset(option, node.path(setting.name), txn, entry, attached)
}

function attachDefault(
  option: Option,
  source: TreeSource,
  txn: Transaction | undefined,
  attached: Attached[],
): void {
  if (option.def.postset === undefined || option.defaultEntry.value === undefined) return
  callPostset(option, `the default of ${option.slot.name}`, txn, source.defaultOf(option), attached)
}

function callPostset(
  { def }: Option,
  path: string,
  txn: Transaction | undefined,
  entry: Entry,
  attached: Attached[],
): void {
  const context = { path, origin: entry.origin, txn }
  try {
    entry.data = def.postset?.(ConfigValue.passing(entry) as never, context)
  } catch (error) {
    throw refused(path, messageOf(error), error)
  }
  if (entry.data instanceof Promise) {
    // Nobody else waits for it.
    entry.data.catch(() => {})
    throw refused(path, 'it is asynchronous')
  }
  attached.push({ datafree: def.datafree, data: entry.data })
}

function refused(path: string, why: string, cause?: unknown): HeddleError {
  return new HeddleError('ERR_CONFIG_POSTSET', `postset of ${path} failed: ${why}`, { cause })
}

/** Once for each `postset`. What throws does not keep the others from it. */
export function free(attached: readonly Attached[]): void {
  for (const { datafree, data } of attached) {
    if (datafree !== undefined) attempt(() => datafree(data), 'datafree')
  }
}

function strangersOf({ strangers }: Validation): ConfigWarning[] {
  return strangers.map(({ node, setting }) => ({
    option: node.path(setting.name),
    place: originText(setting.origin),
    message: 'no option of this name is registered there',
  }))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
