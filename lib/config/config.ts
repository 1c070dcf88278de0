import { AsyncLocalStorage } from 'node:async_hooks'
import { checkOptions, flag, invalid } from '../arguments'
import { HeddleError } from '../errors'
import { attachLate, free, type Prepared, runCommit } from './commit'
import { ConfigValue } from './config-value'
import type { OptionType } from './types'
import { Generation, type Readable } from './generation'
import type { HookRegistry, Hooks } from '../hooks'
import { ConfigHooks } from './config-hooks'
import { tuned } from './tuning'
import { listOptions, type OptionInfo, type OptionsQuery } from './listing'
import type { OptionDef, OptionValue } from './option-def'
import { type Option, OptionTable } from './options'
import { applyOverrides, type ConfigOverride, checkedOverrides, OVERRIDE_ORIGIN } from './overrides'
import { attempt, type ConfigParticipant, Participants } from './participant'
import { genericQuery } from './generic-query'
import { DefinitionText } from './image/definitions'
import { Publisher } from './image/publisher'
import type { ConfigToken } from './image/token'
import { LivePlace } from './live-place'
import type { ConfigQuery } from './query'
import { badPatterns } from './validation'
import { refuseInCommit, runningCommit, takingBack } from './running'
import { type Scope, type ScopeSpec, Scopes } from './scopes'
import { ConfigSections, type SectionStore } from './sections'
import { TransactionCopy } from './sections/transaction-copy'
import type { OptionSlot } from './slot'
import { ConfigSnapshot } from './snapshot'
import { changesBetween } from './changes'
import {
  type Loaded,
  type LoadedStatement,
  type LoadOptions,
  loadConfig,
  parseConfig,
  type StatementNode,
  saveChanges,
  writeBack,
} from './syntax'
import {
  type BeginOptions,
  type CommitResult,
  type InEffect,
  Transaction,
  type TransactionHost,
} from './transaction'
import { addTop, type ConfigNode, emptyNode, sealed } from './tree'
import { TreeSource } from './tree-source'

/** What a Config reads and whom it tells. */
export interface ConfigOptions {
  /** Hooks whose providers follow the generations: those of one Config, since its first commit ends the providers of before. */
  readonly hooks?: Hooks | undefined
  /** The file that `reload()` reads. */
  readonly file?: string | undefined
  /** Read after all others, and takes changes that have no other place. It need not exist. (CF-31) */
  readonly localChangesFile?: string | undefined
  /** All changes go to the local changes file. Default: false. (CF-31) */
  readonly localChangesOnly?: boolean | undefined
  /** Set over what files say, whenever they are read. (CX-20) */
  readonly overrides?: readonly ConfigOverride[]
  /** Bytes that images of all live generations may have once it is shared. Default: 64 MiB, taken as needed. */
  readonly imageBytes?: number | undefined
}

/** Numbers of the life of a Config. */
export interface ConfigStats {
  /** The active generation. */
  readonly generation: number
  readonly liveGenerations: number
  /** Snapshots and values that were not released, of all generations and in all isolates. */
  readonly holds: number
  readonly options: number
  /** Bytes of images in shared memory; 0 unless it is shared. */
  readonly imageBytes: number
}

const OPTIONS: ReadonlySet<string> = new Set([
  'hooks',
  'file',
  'localChangesFile',
  'localChangesOnly',
  'overrides',
  'imageBytes',
])
const BEGIN: ReadonlySet<string> = new Set(['fromScratch', 'by'])
const LOAD_TEXT: ReadonlySet<string> = new Set(['file'])
const IMAGE_BYTES = 64 * 1024 * 1024
const MAX_IMAGE_BYTES = 1024 * 1024 * 1024
const NOTHING = sealed(emptyNode(Object.freeze({ file: '<top>', line: 0, column: 0 })))

/** The call of `config.transaction` that the calling code runs in; what it left behind is outside once that is over. */
const INSIDE = new AsyncLocalStorage<{ isOver: boolean }>()

/**
 * The generational configuration (CF-01): options with types and fallback, transactions that make generations, readers that keep
 * theirs. Every change is a transaction; it is active at once and as a whole, or not at all.
 *
 * Belongs to the isolate that made it.
 */
export class Config {
  readonly #scopes = new Scopes()
  readonly #options = new OptionTable(this.#scopes)
  readonly #tables = { options: this.#options, scopes: this.#scopes }
  readonly #participants = new Participants()
  readonly #hooks: Hooks | undefined
  readonly #ownHooks: ConfigHooks | undefined
  readonly #loading: LoadOptions
  readonly #host: TransactionHost
  readonly #live = new Map<number, Generation>()
  #current: Generation
  readonly #overrides: readonly ConfigOverride[]
  #file: string | undefined
  /** The files behind the active configuration, as they were when they were read or written last. */
  #loaded: Loaded | undefined
  #sections: ConfigSections | undefined
  readonly #definitions = new DefinitionText(this.#options, this.#scopes)
  readonly #imageBytes: number
  #publisher: Publisher | undefined
  /** Called after each commit. */
  readonly #followers = new Set<() => void>()
  /** What the files, or a text, said last, command line included. */
  #said: ConfigNode = NOTHING
  #isDirty = false
  /** The tree that this was said of. */
  #compared: ConfigNode | undefined
  #isStarted = false
  /** What the running commit makes active. */
  #pending: ConfigNode | undefined
  /** No commit begins any more. */
  #isSealed = false
  #isEnded = false
  #ending: Promise<void> | undefined
  /** Ends of generations that somebody works at. */
  readonly #endings = new Set<Promise<void>>()
  /** The last commit that was asked for. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: ConfigOptions = {}) {
    checkOptions('Config', options, OPTIONS, "{ file: 'app.conf' }")
    for (const name of ['file', 'localChangesFile'] as const) {
      const path: unknown = options[name]
      if (path !== undefined && typeof path !== 'string')
        throw invalid(name, 'is the path of a configuration', path)
    }
    const { hooks, file, localChangesFile } = options
    this.#hooks = hooks
    this.#ownHooks = hooks && new ConfigHooks(hooks)
    this.#file = file
    const localChangesOnly = flag('localChangesOnly', options.localChangesOnly, false)
    if (localChangesOnly && localChangesFile === undefined)
      throw invalid('localChangesOnly', 'needs a localChangesFile', localChangesFile)
    this.#loading = localChangesFile === undefined ? {} : { localChangesFile, localChangesOnly }
    this.#overrides = checkedOverrides(options.overrides)
    this.#imageBytes = checkedImageBytes(options.imageBytes)
    this.#current = this.#newGeneration(0, NOTHING, hooks?.current)
    this.#host = this.#newHost()
  }

  /** Whose providers follow the generations. */
  get hooks(): Hooks | undefined {
    return this.#hooks
  }

  /** The view for editing: stanzas by their paths, locked by those who read and write them. (CX) */
  get sections(): ConfigSections {
    this.#sections ??= new ConfigSections(this.#sectionStore(), this.#hooks)
    return this.#sections
  }

  // Definitions

  /**
   * Registers an option for the life of the program, or, if the transaction that it is registered in fails, not at all.
   * What the active configuration says for it holds at once, and gets its `postset`, once a configuration was committed.
   *
   * @throws HeddleError ERR_OPTION_DEF, ERR_TYPE_DEPRECATED, ERR_OPTION_EXISTS; ERR_CONFIG_VALUE, ERR_CONFIG_POSTSET of the value
   * that is active.
   */
  registerOption<
    const K extends OptionType,
    const A extends boolean = false,
    const D extends string | undefined = undefined,
  >(def: OptionDef<K, A, D>): OptionSlot<OptionValue<K, A> | (D extends string ? never : undefined)> {
    this.#checkNotEnded()
    const option = this.#options.register(def as unknown as OptionDef)
    const registered = runningCommit(this.#tables)
    try {
      // Inside of a commit all values are read later, those of the configuration that is coming.
      if (registered === undefined) this.#readLate(option)
    } catch (error) {
      this.#options.remove(option)
      throw error
    }
    registered?.options.push(option)
    return option.slot as never
  }

  /** What the active generation says for an option that it was made without; data too, once one was committed. (CF-16) */
  #readLate(option: Option): void {
    const { number, source, attached } = this.#current
    source.readAll(option)
    if (number > 0 && !this.#isEnded) attached.push(...attachLate(option, source))
  }

  /**
   * Declares a type of scope, which is from then on as good as the standard ones. (CF-36)
   *
   * @throws HeddleError ERR_CONFIG_SCOPE if it is declared in another way, stands in or gathers one that is not declared, or has the
   * name of a module with options; ERR_INVALID_ARGUMENT, ERR_CONFIG_LIMIT; ERR_CONFIG_VALUE (a ConfigError) if the active
   * configuration has a stanza of it whose `/pattern/` is none.
   */
  defineScope(spec: ScopeSpec): void {
    const { changes } = this.#scopes
    const scope = this.#scopes.define(spec, (type) => this.#options.hasModule(type))
    if (this.#scopes.changes === changes) return
    const running = runningCommit(this.#tables)
    running?.scopes.push(scope)
    // Inside of a commit the configuration that is coming is checked later.
    const [error] = running === undefined ? badPatterns(this.#current.source) : []
    if (error === undefined) return
    this.#scopes.remove(scope)
    throw error
  }

  /** The type of scope that is declared by that name. (CF-36) */
  scope(name: string): Scope | undefined {
    return this.#scopes.get(String(name))
  }

  /** Runs a part of a transaction; options and scopes that it registered are taken back if it rejects. @internal */
  takingBack(run: () => Promise<void>): Promise<void> {
    return takingBack(this.#tables, run)
  }

  /** The option of that name, if exactly one has it; `module` chooses among several. (CF-05) */
  slot(name: string, module?: string): OptionSlot | undefined {
    if (module !== undefined && typeof module !== 'string') throw invalid('the module', 'is text', module)
    const key = String(name).toLowerCase()
    const found = this.#options
      .list()
      .filter(
        (option) =>
          option.slot.key === key && (module === undefined || option.module === module.toLowerCase()),
      )
    return found.length === 1 ? found[0]?.slot : undefined
  }

  /** Takes part in every transaction that begins to commit from now on, until what is returned is called. */
  participant(participant: ConfigParticipant): () => void {
    if (typeof participant !== 'object' || participant === null) {
      throw invalid('a participant', 'is an object of callbacks', participant)
    }
    return this.#participants.add(participant)
  }

  // Reading

  /** The number of the active generation: one more with each commit. */
  get generation(): number {
    return this.#current.number
  }

  /** The value of an option in the active generation. Frozen; nothing to release. No allocation once it was read. (CF-21) */
  value<T>(slot: OptionSlot<T>, query?: ConfigQuery): T {
    return this.#current.view.place(query).value(slot)
  }

  /** Resolves a query once; the place follows the active generation. */
  place(query?: ConfigQuery): LivePlace {
    return new LivePlace(() => this.#current.view, query)
  }

  /** A value with its generation, which it keeps alive until it is released. (CF-21, CF-24) */
  fetch<T>(slot: OptionSlot<T>, query?: ConfigQuery & { readonly txn?: Readable }): ConfigValue<T> {
    if (query?.txn !== undefined) return this.#fetchFrom(query.txn, slot, query)
    this.#checkNotEnded()
    const entry = this.#current.view.place(query).entry(slot)
    return ConfigValue.holding(entry, this.#current.hold(`the value of ${slot.name}`))
  }

  /** The value of a module's option, for its stanza. `self` is the module's infrastructure. (CF-22) */
  fetchModule<T>(slot: OptionSlot<T>, self: { readonly instance?: string | undefined }): ConfigValue<T> {
    return this.fetch(slot, { instance: self?.instance })
  }

  /** The same from the configuration that is being set up. (CF-22) */
  fetchModuleAtInit<T>(
    txn: Readable,
    slot: OptionSlot<T>,
    self: { readonly instance?: string | undefined },
  ): ConfigValue<T> {
    if (txn === undefined || txn === null) throw invalid('txn', 'is a transaction or a snapshot', txn)
    return this.fetch(slot, { instance: self?.instance, txn })
  }

  /**
   * The value for pairs of scope and instance, as an array or as the rest of the arguments, not both. (CF-23)
   *
   * @throws HeddleError EINVAL for an odd number, a scope that does not exist, a `from` that is not null, both kinds.
   */
  fetchGeneric<T>(
    txn: Readable | null,
    slot: OptionSlot<T>,
    from: null,
    pairs?: readonly (string | readonly [string, string])[] | null,
    ...rest: readonly string[]
  ): ConfigValue<T> {
    const query = genericQuery(this.#scopes, from, pairs, rest)
    return this.fetch(slot, txn === null ? query : { ...query, txn })
  }

  /** A reference to the active generation. (CF-25) */
  snapshot(): ConfigSnapshot {
    this.#checkNotEnded()
    return new ConfigSnapshot(this.#current)
  }

  /** Numbers of the generations that somebody reads, and of the active one. (CF-26) */
  liveGenerations(): number[] {
    this.#publisher?.look()
    return [...this.#live.keys()]
  }

  /** The options there are, with their origins. (CF-35, MX-08) */
  options(query: OptionsQuery = {}): OptionInfo[] {
    return listOptions(this.#options, this.#current, query)
  }

  /** Where options of that name are set: one line each for `path` and `origin`; none if only the default holds. */
  locate(name: string | RegExp): { readonly path: string; readonly origin: string }[] {
    return this.options({ name }).flatMap(({ settings }) => [...settings])
  }

  stats(): ConfigStats {
    this.#publisher?.look()
    const live = [...this.#live.values()]
    return {
      generation: this.#current.number,
      liveGenerations: live.length,
      holds: live.reduce((sum, { holds }) => sum + holds, this.#publisher?.holds ?? 0),
      options: this.#options.list().length,
      imageBytes: this.#publisher?.usedBytes ?? 0,
    }
  }

  // Other isolates

  /**
   * Makes the active generation, and each that follows, readable for other isolates through `ConfigReader.attach()` (CF-34):
   * for workers that are started from now on, and for those that are handed what it returns. Idempotent.
   *
   * @throws HeddleError ERR_CONFIG_FULL if the active generation does not fit into `imageBytes`.
   */
  share(): ConfigToken {
    if (this.#publisher !== undefined) return this.#publisher.token
    this.#checkNotEnded()
    const publisher = new Publisher(this.#imageBytes)
    try {
      const { number, source } = this.#current
      publisher.makeCurrent(publisher.place(number, source, this.#definitions.current), this.#current)
    } catch (error) {
      publisher.close()
      throw error
    }
    publisher.announce()
    this.#publisher = publisher
    return publisher.token
  }

  /** Ends the sharing: readers in other isolates fail with ERR_CLOSED from now on. Idempotent. */
  close(): void {
    this.#publisher?.close()
    this.#publisher = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * The first step of an orderly end: no commit, reload or transaction begins any more, those that wait for their turn included
   * (ERR_CLOSED). Resolves when the one that is under way is over. Reading and `writeBack` go on. Idempotent.
   *
   * @throws HeddleError ERR_CONFIG_TRANSACTION inside of a commit, which it would wait for; nothing has changed then.
   */
  async seal(): Promise<void> {
    refuseInCommit(this.#tables)
    this.#isSealed = true
    await this.#turn
  }

  /**
   * The end of the Config, to be called when nothing that it configures runs any more: seals it, ends the sharing, and ends the last
   * generation as all before it: `datafree`, `destroy` of participants, its hooks. Resolves when that is done; a generation that
   * somebody holds, or whose hooks are being called, ends when that is over. `value` and `place` go on answering, what would hold a
   * generation, registers or shares throws ERR_CLOSED. Idempotent.
   *
   * @throws HeddleError ERR_CONFIG_TRANSACTION inside of a commit.
   */
  async end(): Promise<void> {
    refuseInCommit(this.#tables)
    this.#ending ??= this.#endAll()
    await this.#ending
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  async #endAll(): Promise<void> {
    await this.seal()
    this.#isEnded = true
    this.close()
    this.#current.retire()
    await Promise.all(this.#endings)
  }

  // Changing

  /** Whether something is active that the files do not say. (CF-03) */
  get dirty(): boolean {
    const { root } = this.#current
    if (root !== this.#compared) {
      this.#compared = root
      this.#isDirty = changesBetween(this.#said, root).length > 0
    }
    return this.#isDirty
  }

  /** From here on options that are not tunable online keep their values. */
  markStarted(): void {
    this.#isStarted = true
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  /**
   * Whether the calling code runs inside of a commit, as participants and modules do: what waits for another one is refused there
   * with ERR_CONFIG_TRANSACTION. What a commit leaves behind is outside once that is over.
   */
  get isInCommit(): boolean {
    return runningCommit(this.#tables) !== undefined
  }

  /** Begins a transaction on what is active now. (CF-28) */
  begin(options: BeginOptions = {}): Transaction {
    checkOptions('begin', options, BEGIN, "{ by: 'console' }")
    const isFromScratch = flag('fromScratch', options.fromScratch, false)
    const by = checkedBy(options.by)
    const root = isFromScratch ? NOTHING : this.#current.root
    return new Transaction(this.#host, root, { fromScratch: isFromScratch, by })
  }

  /** Runs `change` and commits; rolls back if it throws. (CF-01) */
  async transaction(
    change: (txn: Transaction) => unknown,
    options: BeginOptions = {},
  ): Promise<CommitResult> {
    if (typeof change !== 'function') throw invalid('the change', 'is a function', change)
    using txn = this.begin(options)
    const inside = { isOver: false }
    try {
      await INSIDE.run(inside, async () => change(txn))
    } finally {
      inside.isOver = true
    }
    return await txn.commit()
  }

  /** Replaces all there is by what the file says. What fails leaves all as it was. (CF-02) */
  async reload(file: string | undefined = this.#file): Promise<CommitResult> {
    refuseInside()
    if (typeof file !== 'string') throw invalid('reload', 'needs a file, here or for the Config', file)
    let loaded: Loaded | undefined
    return await this.#load(
      async () => {
        loaded = await loadConfig(file, this.#loading)
        return treeOf(loaded.body)
      },
      () => {
        this.#file = file
        this.#loaded = loaded
      },
    )
  }

  /**
   * Writes what was changed since the load into the files it belongs to, so that it survives a restart. What a command line
   * said is not written. Nothing is written, or all of it.
   *
   * @throws HeddleError ERR_CONFIG_READONLY for what no file can take, or a configuration that is from none;
   * ERR_CONFIG_STALE if a file was changed meanwhile; ERR_WRITES_DISABLED after
   * `sections.disableWrites()`; what the system says. (CF-31)
   */
  async writeBack(): Promise<void> {
    if (this.#sections?.writesDisabled === true) throw new HeddleError('ERR_WRITES_DISABLED')
    const write = async () => {
      const loaded = this.#loaded
      if (loaded === undefined)
        throw new HeddleError('ERR_CONFIG_READONLY', 'the configuration was not read from a file')
      const changes = changesBetween(treeOf(loaded.body), this.#current.root)
      if (changes.length > 0) {
        await saveChanges(writeBack(loaded, changes))
        this.#loaded = await loadConfig(loaded.root.path, this.#loading)
        this.#written(this.#loaded)
      }
      this.#said = this.#current.root
      this.#compared = undefined
    }
    await this.#inTurn(write, () => this.#isEnded)
  }

  /** The active generation is from files now, unless they say something else already. */
  #written({ body }: Loaded): void {
    const txn = this.#fromFile(treeOf(body))
    const { root } = txn
    txn.rollback()
    const old = this.#current.root
    if (changesBetween(old, root).length === 0 && changesBetween(root, old).length === 0)
      this.#current.written(root)
  }

  /** What files and the command line say. */
  #fromFile(root: ConfigNode): Transaction {
    const txn = new Transaction(this.#host, root, { fromScratch: true, by: OVERRIDE_ORIGIN })
    txn.isFromFile = true
    applyOverrides(txn, this.#overrides)
    return txn
  }

  /** Replaces all there is by what a text says, which includes nothing. */
  async loadText(text: string, options: { readonly file?: string } = {}): Promise<CommitResult> {
    refuseInside()
    if (typeof text !== 'string') throw invalid('a configuration', 'is text', text)
    checkOptions('loadText', options, LOAD_TEXT, "{ file: 'app.conf' }")
    const { file = '<text>' } = options
    if (typeof file !== 'string' || file === OVERRIDE_ORIGIN)
      throw invalid('file', 'is the name of a file', file)
    const { body } = parseConfig(text, { file })
    return await this.#load(
      async () => treeOf(body),
      () => {
        this.#loaded = undefined
      },
    )
  }

  /** Loads take their turn before they begin, so that they never conflict. */
  async #load(read: () => Promise<ConfigNode>, done: () => void): Promise<CommitResult> {
    return await this.#inTurn(async () => {
      const txn = this.#fromFile(await read())
      return await txn.commitBy(() => this.#commitNow(txn, done))
    })
  }

  /** One after the other. Inside of a commit it fails at once, instead of waiting for itself. */
  async #inTurn<T>(run: () => Promise<T>, isTooLate = () => this.#isSealed): Promise<T> {
    refuseInCommit(this.#tables)
    const done = this.#turn.then(() => {
      if (isTooLate()) throw ended()
      return run()
    })
    this.#turn = done.catch(() => undefined)
    return await done
  }

  async #commitNow(txn: Transaction, done = () => {}): Promise<CommitResult> {
    if (txn.isOvertaken) {
      throw new HeddleError(
        'ERR_CONFIG_CONFLICT',
        `another transaction has changed generation ${txn.generation}`,
      )
    }
    this.#pending = txn.root
    const { warnings } = await runCommit(this.#commitContext(), txn).finally(() => {
      this.#pending = undefined
    })
    const number = this.#current.number
    done()
    for (const follower of this.#followers) attempt(follower, 'journal')
    // It is active: what its hooks do cannot fail it any more.
    attempt(() => this.#ownHooks?.postCommit.call(number), 'config.post_commit')
    return { generation: number, warnings: [...warnings, ...txn.warnings], output: txn.output }
  }

  #commitContext() {
    return {
      ...this.#tables,
      participants: this.#participants.copy(),
      swap: (txn: Transaction, prepared: Prepared) => this.#swap(txn, prepared),
    }
  }

  #inEffect(source: TreeSource): InEffect {
    if (!this.#isStarted) return { source, warnings: [] }
    const registered = runningCommit(this.#tables)?.options ?? []
    const { root, warnings } = tuned(source, this.#current.source, (option) => registered.includes(option))
    if (root === source.root.node) return { source, warnings }
    const { scopes, options, txn, entries } = source
    return { source: new TreeSource(root, scopes, options, txn, entries), warnings }
  }

  #swap(txn: Transaction, prepared: Prepared): Generation {
    const registry = this.#hooks === undefined ? undefined : txn.hookRegistry
    const old = this.#current
    const { source, attached } = prepared
    const { root } = txn
    const placed = this.#publisher?.place(old.number + 1, source, this.#definitions.current)
    try {
      // The last that can fail.
      if (registry !== undefined) this.#hooks?.activate(registry)
    } catch (error) {
      if (placed !== undefined) this.#publisher?.discard(placed)
      throw error
    }
    txn.hasSwapped = true
    source.txn = undefined
    const next = this.#newGeneration(old.number + 1, root, registry, source, attached)
    this.#current = next
    if (txn.isFromFile) this.#said = root
    if (placed !== undefined) this.#publisher?.makeCurrent(placed, next)
    return old
  }

  #newGeneration(
    number: number,
    root: ConfigNode,
    registry: HookRegistry | undefined,
    source = new TreeSource(root, this.#scopes, this.#options, undefined),
    attached: Prepared['attached'] = [],
  ): Generation {
    const generation = new Generation(number, root, source, registry, attached, (ended) => this.#end(ended))
    this.#live.set(number, generation)
    return generation
  }

  /** The last reader of an old generation is gone. */
  #end(generation: Generation): void {
    if (!this.#live.has(generation.number)) return
    const { registry } = generation
    // No call begins that would find what is being destroyed.
    if (registry !== undefined) attempt(() => registry.destroy(), 'end of hooks')
    if (registry !== undefined && registry.calls > 0)
      void registry.idle().then(() => this.#endIdle(generation))
    else this.#endIdle(generation)
  }

  /** At once where there are no participants, who may take their time. */
  #endIdle(generation: Generation): void {
    if (this.#participants.isEmpty) {
      this.#destroy(generation)
      return
    }
    const ending = this.#participants.destroy(generation.number).then(() => {
      this.#destroy(generation)
      this.#endings.delete(ending)
    })
    this.#endings.add(ending)
  }

  #destroy(generation: Generation): void {
    if (!this.#live.delete(generation.number)) return
    free(generation.attached)
  }

  #checkNotEnded(): void {
    if (this.#isEnded) throw ended()
  }

  #fetchFrom<T>(txn: Readable, slot: OptionSlot<T>, query: ConfigQuery): ConfigValue<T> {
    if (txn instanceof ConfigSnapshot) return txn.fetch(slot, query)
    if (txn instanceof Transaction) return ConfigValue.passing(txn.view.place(query).entry(slot))
    throw invalid('txn', 'is a transaction or a snapshot', txn)
  }

  #sectionStore(): SectionStore {
    const config = this
    return {
      get root() {
        return config.#current.root
      },
      get pending() {
        return runningCommit(config.#tables) && config.#pending
      },
      get generation() {
        return config.generation
      },
      get files() {
        return [...(config.#loaded?.files.keys() ?? [])]
      },
      begin: (options) =>
        new TransactionCopy(this.begin(options), (txn) => txn.commitBy(() => this.#host.commit(txn))),
      writeBack: () => this.writeBack(),
      onChange: (call) => {
        this.#followers.add(call)
        return () => this.#followers.delete(call)
      },
    }
  }

  #newHost(): TransactionHost {
    const config = this
    return {
      get current() {
        return config.#current
      },
      newSource: (root, txn) => new TreeSource(root, this.#scopes, this.#options, txn),
      inEffect: (source) => this.#inEffect(source),
      newRegistry: () => {
        if (this.#hooks !== undefined) return this.#hooks.fork()
        throw new HeddleError('ERR_NOT_SUPPORTED', 'this Config was made without hooks')
      },
      allow: (change) => this.#ownHooks?.allow(change),
      commit: (txn) => this.#inTurn(() => this.#commitNow(txn)),
      begin: (options) => this.begin(options),
    }
  }
}

function ended(): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the Config has come to its end')
}

/** What is read anew is no part of a transaction. */
function refuseInside(): void {
  if (INSIDE.getStore()?.isOver !== false) return
  throw new HeddleError('ERR_CONFIG_TRANSACTION', 'a reload is not possible inside of a transaction')
}

/** Who makes changes. What a command line has said is known by its name, and is not written into files. */
function checkedBy(by: unknown = '<transaction>'): string {
  if (typeof by === 'string' && by !== '' && by !== OVERRIDE_ORIGIN) return by
  throw invalid('by', `is text that names who changes, other than ${OVERRIDE_ORIGIN}`, by)
}

function checkedImageBytes(given: unknown = IMAGE_BYTES): number {
  if (Number.isSafeInteger(given) && (given as number) > 0 && (given as number) <= MAX_IMAGE_BYTES)
    return given as number
  throw invalid('imageBytes', 'is a number of bytes up to a gigabyte', given)
}

function treeOf(body: readonly (LoadedStatement | StatementNode)[]): ConfigNode {
  const root = emptyNode(NOTHING.origin)
  addTop(root, body)
  return sealed(root)
}
