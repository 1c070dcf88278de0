/**
 * How a transaction becomes a generation, one at a time: load modules → read and validate every value → prepare modules
 * → validate what was registered meanwhile → postset → swap. What fails before the swap leaves everything as it was. Of
 * the isolate of the Config.
 */
import { HeddleError } from '../errors'
import { ConfigValue } from './config-value'
import type { Attached, Generation } from './generation'
import type { Option, OptionTable } from './options'
import { attempt, type ConfigParticipant, type Participants } from './participant'
import { inCommit, type Tables } from './running'
import type { Transaction } from './transaction'
import type { TreeSource } from './tree-source'
import { type ConfigWarning, type Finding, type Validation, validateTree } from './validation'
import { originText } from './value'

/** What a successful preparation hands to the swap. */
export interface Prepared {
  readonly source: TreeSource
  readonly attached: readonly Attached[]
  readonly warnings: readonly ConfigWarning[]
}

export interface CommitContext extends Tables {
  readonly participants: Participants
  /** What of it takes effect now, and what waits for the next start. */
  tune(txn: Transaction): { readonly source: TreeSource; readonly warnings: readonly ConfigWarning[] }
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
  validateTree(txn.source)
  await context.participants.prepare(txn)
  const { source, warnings } = context.tune(txn)
  // Also of what was registered meanwhile.
  const validation = validateTree(source)
  attach(context.options, validation, txn, attached)
  return { source, attached, warnings: [...warnings, ...strangersOf(validation)] }
}

/** Calls `postset` for each value, and for the default of what nothing sets. (CF-16) */
function attach(
  options: OptionTable,
  { findings }: Validation,
  txn: Transaction,
  attached: Attached[],
): void {
  const set = new Set<Option>()
  for (const finding of findings) {
    set.add(finding.option)
    if (finding.option.def.postset !== undefined) attachOne(finding, txn, attached)
  }
  for (const option of options.list()) {
    if (option.def.postset === undefined || set.has(option) || option.defaultEntry.value === undefined)
      continue
    const path = `the default of ${option.slot.name}`
    callPostset(option, path, txn, option.defaultEntry, attached)
  }
}

function attachOne({ option, node, setting }: Finding, txn: Transaction, attached: Attached[]): void {
  const entry = node.entry(option.slot)
  if (entry !== undefined) callPostset(option, node.path(setting.name), txn, entry, attached)
}

function callPostset(
  { def }: Option,
  path: string,
  txn: Transaction,
  entry: NonNullable<ReturnType<Finding['node']['entry']>>,
  attached: Attached[],
): void {
  try {
    entry.data = def.postset?.(ConfigValue.passing(entry) as never, { path, origin: entry.origin, txn })
  } catch (error) {
    throw new HeddleError('ERR_CONFIG_POSTSET', `postset of ${path} failed: ${messageOf(error)}`, {
      cause: error,
    })
  }
  attached.push({ datafree: def.datafree, data: entry.data })
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
