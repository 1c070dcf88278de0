import { HeddleError } from '../errors'
import { Draft } from './draft'
import type { HookRegistry } from '../hooks'
import type { Generation, Readable } from './generation'
import { type KeyPath, type PathStep, parsePath, parseScopePath, printPath, writable } from './path'
import type { Place } from './place'
import type { ConfigQuery } from './query'
import type { OptionSlot } from './slot'
import { parseValue } from './syntax'
import { type ConfigNode, isThere, nodeAt, type Setting, settingAt, settingOf } from './tree'
import type { TreeSource } from './tree-source'
import type { ConfigWarning } from './validation'
import { type Origin, originText, type RawValue, rawOfInput, rawOfNode, type ValueInput } from './value'
import { View } from './view'

/** What a commit says. */
export interface CommitResult {
  /** The number of the generation that is active now. */
  readonly generation: number
  readonly warnings: readonly ConfigWarning[]
  /** What modules had to say about their set-up. (MO-10) */
  readonly output: readonly CommitOutput[]
}

/** A text of a module about its set-up. */
export interface CommitOutput {
  /** `name` or `name:instance`. */
  readonly module: string
  readonly text: string
}

/** Options of `config.begin`. */
export interface BeginOptions {
  /** Begins with nothing instead of the active configuration. */
  readonly fromScratch?: boolean
  /** Who makes the changes, as their origin shows it. `<transaction>` if it is left out. */
  readonly by?: string
}

/** What a transaction needs of its Config. @internal */
export interface TransactionHost {
  readonly current: Generation
  newSource(root: ConfigNode, txn: Readable): TreeSource
  /** What of a tree would be in effect. */
  inEffect(source: TreeSource): InEffect
  newRegistry(): HookRegistry
  /** Throws if somebody does not allow the change. */
  allow(change: ConfigChange): void
  commit(txn: Transaction): Promise<CommitResult>
  begin(options: BeginOptions): Transaction
}

/** What takes effect now; the warnings are of what waits for the next start. @internal */
export interface InEffect {
  readonly source: TreeSource
  readonly warnings: readonly ConfigWarning[]
}

/** One step of a transaction, as it can be done again. */
export interface ConfigChange {
  readonly kind: 'set' | 'unset' | 'remove'
  /** As it was given. */
  readonly path: string
  /** Undefined unless it is a `set`. */
  readonly value: RawValue | undefined
  /** Who makes it: `by` of `begin`. */
  readonly by: string
}

/** A step that was made. */
interface Noted {
  readonly change: ConfigChange
  readonly redo: (again: Transaction) => void
}

/** How far a transaction has come. */
export type TransactionState = 'open' | 'committing' | 'committed' | 'ended'

/**
 * A change of the configuration in the making (CF-28). Nobody else sees it before `commit`, which makes all of it
 * active at once or nothing. Any number may be open; of those that began from one generation the first to commit wins.
 * Belongs to the isolate of its Config.
 *
 * @throws HeddleError ERR_RELEASED after `commit` or `rollback`.
 */
export class Transaction implements Readable {
  readonly #host: TransactionHost
  readonly #base: Generation
  readonly #draft: Draft
  readonly #by: string
  readonly #isFromScratch: boolean
  #changes: Noted[] = []
  #state: TransactionState = 'open'
  #source: TreeSource | undefined
  #inEffect: InEffect | undefined
  #view: View | undefined
  #registry: HookRegistry | undefined
  readonly #warnings: ConfigWarning[] = []
  /** What modules have said so far. @internal */
  readonly output: CommitOutput[] = []
  /** Whether what it makes is active: nothing of it is taken back any more. @internal */
  hasSwapped = false
  /** Whether it ends with what keeps it, a section, and not by itself. @internal */
  isKept = false
  /** Whether what it makes is what the files say. @internal */
  isFromFile = false

  /** @internal Made by `config.begin()`. */
  constructor(host: TransactionHost, root: ConfigNode, options: BeginOptions) {
    this.#host = host
    this.#base = host.current
    this.#draft = new Draft(root)
    this.#by = options.by ?? '<transaction>'
    this.#isFromScratch = options.fromScratch ?? false
  }

  get state(): TransactionState {
    return this.#state
  }

  /** The number of the generation it began from. */
  get generation(): number {
    return this.#base.number
  }

  /** Whether something was changed. */
  get isChanged(): boolean {
    return this.#changes.length > 0 || this.#isFromScratch
  }

  /** Providers of hooks of the generation that is being made. */
  get hookRegistry(): HookRegistry {
    this.#checkUsable()
    this.#registry ??= this.#host.newRegistry()
    return this.#registry
  }

  /** All stanzas and settings as they would be. */
  get root(): ConfigNode {
    this.#checkUsable()
    return this.#draft.root
  }

  /** The same to be looked at now and not to be kept. @internal */
  get now(): ConfigNode {
    this.#checkUsable()
    return this.#draft.now
  }

  /**
   * Sets an option. Text is the value itself; `setText` takes what would stand in a file. Whether it is valid is seen
   * at the commit.
   *
   * @throws HeddleError ERR_CONFIG_PATH, ERR_INVALID_ARGUMENT, ERR_CONFIG_VETO.
   */
  set(path: string, value: ValueInput): this {
    return this.setAt(parsePath(path), value, path)
  }

  /** Sets an option to what stands in a file behind the equals sign: `"a b"`, `( a b )`, `[ a = 1 ]`. */
  setText(path: string, text: string): this {
    return this.#set(parsePath(path), path, rawOfNode(parseValue(text, { file: this.#by })))
  }

  /** `set` of the setting at these steps, whatever they are as a text. @internal */
  setAt(at: KeyPath, value: ValueInput, path = printPath(at.steps, at.name)): this {
    return this.#set(at, path, rawOfInput(value))
  }

  /** Takes a setting away, so that fallback and default hold. False if there was none. */
  unset(path: string): boolean {
    return this.unsetAt(parsePath(path), path)
  }

  /** @internal */
  unsetAt(at: KeyPath, path = printPath(at.steps, at.name)): boolean {
    this.#checkOpen()
    const { steps, key } = at
    if (settingAt(this.#draft.now, steps, key) === undefined) return false
    this.#note({ kind: 'unset', path, value: undefined, by: this.#by }, (again) => again.unsetAt(at, path))
    return this.#draft.unset(steps, key)
  }

  /** Takes a stanza away with all that is in it. False if there was none. */
  remove(scopePath: string): boolean {
    return this.removeAt(parseScopePath(scopePath), scopePath)
  }

  /** @internal */
  removeAt(steps: readonly PathStep[], path = printPath(steps)): boolean {
    this.#checkOpen()
    if (steps.length === 0 || !isThere(this.#draft.now, steps)) return false
    this.#note({ kind: 'remove', path, value: undefined, by: this.#by }, (again) =>
      again.removeAt(steps, path),
    )
    return this.#draft.remove(steps)
  }

  /** What this very stanza sets, undefined if it sets nothing. `eval` follows fallback. */
  get(path: string): RawValue | undefined {
    return this.#setting(path)?.value
  }

  /**
   * The value a query would see after the commit, fallback and default included. Of an option that cannot be tuned online that is the
   * one it has now; `get` says what is set.
   */
  eval<T>(slot: OptionSlot<T>, query?: ConfigQuery): T {
    return this.place(query).value(slot)
  }

  /** Where this very stanza's setting comes from: `file:line`, or who set it. */
  locate(path: string): string | undefined {
    const setting = this.#setting(path)
    return setting && originText(setting.origin)
  }

  /** A stanza; the top if no path is given. */
  stanza(scopePath = ''): ConfigNode | undefined {
    return nodeAt(this.root, parseScopePath(scopePath))
  }

  /** The values a query would see after the commit. A value that is not valid throws ERR_CONFIG_VALUE. */
  place(query?: ConfigQuery): Place {
    return this.view.place(query)
  }

  /** @internal */
  get view(): View {
    this.#view ??= new View(this.inEffect.source)
    return this.#view
  }

  /** Of what is set, that which would be active: options that cannot be tuned online keep their values. @internal */
  get inEffect(): InEffect {
    this.#inEffect ??= this.#host.inEffect(this.source)
    return this.#inEffect
  }

  /** Options have come. @internal */
  lookAgain(): void {
    this.#inEffect = undefined
    this.#view = undefined
  }

  /** What is set. @internal */
  get source(): TreeSource {
    this.#checkUsable()
    this.#source ??= this.#host.newSource(this.#draft.root, this)
    return this.#source
  }

  /** Of those who take part in its commit, until that is over: something to tell whoever commits, which fails nothing. */
  warn(warning: ConfigWarning): void {
    this.#warnings.push(warning)
  }

  /** @internal */
  get warnings(): readonly ConfigWarning[] {
    return this.#warnings
  }

  /**
   * Makes all of it active: validated, then the modules, then swapped. Rejects with what was wrong, and nothing has
   * changed.
   *
   * @throws HeddleError ERR_CONFIG_VALUE (a ConfigError), ERR_CONFIG_CONFLICT if another one committed since `begin`,
   * ERR_CONFIG_TRANSACTION inside of another commit, and what modules and hooks throw.
   */
  async commit(): Promise<CommitResult> {
    this.#checkEndsItself()
    return await this.commitBy(() => this.#host.commit(this))
  }

  /** @internal */
  async commitBy(run: () => Promise<CommitResult>): Promise<CommitResult> {
    this.#checkOpen()
    this.#state = 'committing'
    try {
      const result = await run()
      this.#state = 'committed'
      return result
    } catch (error) {
      this.#state = this.hasSwapped ? 'committed' : 'ended'
      if (!this.hasSwapped) this.#registry?.destroy()
      throw error
    } finally {
      this.#changed()
    }
  }

  /** Forgets all of it. Idempotent; while it commits, too late. */
  rollback(): void {
    this.#checkEndsItself()
    this.drop()
  }

  /** What is under a section must ask that. @internal */
  drop(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#changed()
    this.#registry?.destroy()
  }

  [Symbol.dispose](): void {
    if (!this.isKept) this.drop()
  }

  /** A new transaction with the same changes, made to what is active now. This one may have failed or not. */
  replay(): Transaction {
    const again = this.#host.begin({ by: this.#by, fromScratch: this.#isFromScratch })
    for (const { redo } of this.#changes) redo(again)
    return again
  }

  /** Not in a transaction: what the files say would be lost in what it changes, or the other way round. */
  reload(): never {
    throw new HeddleError('ERR_CONFIG_TRANSACTION', 'a reload is not possible inside of a transaction')
  }

  /** Whether another one has committed since this began. @internal */
  get isOvertaken(): boolean {
    return this.#base !== this.#host.current
  }

  #set(at: KeyPath, path: string, value: RawValue): this {
    this.#checkOpen()
    const { steps, name, key } = writable(at)
    const origin: Origin = { file: this.#by, line: 0, column: 0 }
    this.#note({ kind: 'set', path, value, by: this.#by }, (again) => again.#set(at, path, value))
    this.#draft.set(steps, settingOf(name, key, value, origin))
    return this
  }

  #setting(path: string): Setting | undefined {
    const { steps, key }: KeyPath = parsePath(path)
    return settingAt(this.root, steps, key)
  }

  #note(change: ConfigChange, redo: Noted['redo']): void {
    if (!this.isFromFile) this.#host.allow(change)
    this.#changes.push({ change, redo })
    this.#changed()
  }

  #changed(): void {
    this.#source = undefined
    this.lookAgain()
  }

  #checkEndsItself(): void {
    if (!this.isKept) return
    throw new HeddleError(
      'ERR_CONFIG_TRANSACTION',
      'this transaction is that of a write section, and ends with it: by release() or abandon()',
    )
  }

  #checkOpen(): void {
    this.#checkUsable()
    if (this.#state === 'committing') {
      throw new HeddleError('ERR_CONFIG_TRANSACTION', 'the transaction is being committed')
    }
  }

  #checkUsable(): void {
    if (this.#state === 'open' || this.#state === 'committing') return
    throw new HeddleError(
      'ERR_RELEASED',
      `the transaction has been ${this.#state === 'committed' ? 'committed' : 'given up'}`,
    )
  }
}
