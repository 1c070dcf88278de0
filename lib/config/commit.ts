/**
 * How a transaction becomes a generation, one at a time: load modules → read and validate every value → prepare modules
 * → validate what was registered meanwhile → postset → swap. What fails before the swap leaves everything as it was. Of
 * the isolate of the Config.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { HeddleError } from '../errors'
import { ConfigValue } from './config-value'
import type { Attached } from './generation'
import type { Option, OptionTable } from './options'
import { attempt, type ConfigParticipant, type Participants } from './participant'
import type { Scope, Scopes } from './scopes'
import type { Transaction } from './transaction'
import type { TreeSource } from './tree-source'
import { type ConfigWarning, type Finding, type Validation, validateTree } from './validation'
import { originText } from './value'

/** What a commit registered, to be taken back if it fails. */
export class Registrations {
  readonly options: Option[] = []
  readonly scopes: Scope[] = []

  undo(table: OptionTable, scopes: Scopes): void {
    for (const option of this.options) table.remove(option)
    for (const scope of this.scopes) scopes.remove(scope)
  }
}

/** The commit that the calling code runs in, so that what it registers goes when the commit fails. */
const RUNNING = new AsyncLocalStorage<Registrations>()

export function registrations(): Registrations | undefined {
  return RUNNING.getStore()
}

/** Runs a part of a commit, whose registrations go if it fails, whatever becomes of the rest. */
export async function takingBack(
  run: () => Promise<void>,
  table: OptionTable,
  scopes: Scopes,
): Promise<void> {
  const part = new Registrations()
  try {
    await RUNNING.run(part, run)
  } catch (error) {
    part.undo(table, scopes)
    throw error
  }
  const whole = registrations()
  whole?.options.push(...part.options)
  whole?.scopes.push(...part.scopes)
}

/** What a successful preparation hands to the swap. */
export interface Prepared {
  readonly source: TreeSource
  readonly attached: readonly Attached[]
  readonly warnings: readonly ConfigWarning[]
}

export interface CommitContext {
  readonly options: OptionTable
  readonly scopes: Scopes
  readonly participants: Participants
  /** What of it takes effect now, and what waits for the next start. */
  tune(txn: Transaction): { readonly source: TreeSource; readonly warnings: readonly ConfigWarning[] }
  /** Makes it active. May fail, having changed nothing. */
  swap(txn: Transaction, prepared: Prepared): number
}

/** Everything up to and including the swap. */
export function runCommit(
  context: CommitContext,
  txn: Transaction,
): Promise<{ number: number; prepared: Prepared }> {
  const registered = new Registrations()
  return RUNNING.run(registered, async () => {
    const called: ConfigParticipant[] = []
    const attached: Attached[] = []
    try {
      await context.participants.load(txn, called)
      // What modules registered while they were loaded is to be read by its type.
      validateTree(txn.source)
      await context.participants.prepare(txn)
      const { source, warnings } = context.tune(txn)
      // Also of what was registered meanwhile.
      const validation = validateTree(source)
      attach(context.options, validation, txn, attached)
      const prepared = { source, attached, warnings: [...warnings, ...strangersOf(validation)] }
      const number = context.swap(txn, prepared)
      return { number, prepared }
    } catch (error) {
      free(attached)
      await context.participants.abort(txn, called)
      registered.undo(context.options, context.scopes)
      throw error
    }
  })
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
