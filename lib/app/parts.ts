import { resolve } from 'node:path'
import { Config, type Transaction } from '../config'
import { registerCoreCommands } from '../console'
import { Control } from '../control'
import { Hooks } from '../hooks'
import { Modules } from '../modules'
import type { AppOptions } from './app-options'
import { type CoreSlots, registerCoreOptions } from './core-options'
import { modulePathOf } from './early-settings'
import { Follower } from './follower'
import { AppHooks } from './app-hooks'

/** What an application consists of before anything runs. */
export interface Parts {
  /** The configuration, absolute. */
  readonly file: string
  readonly hooks: Hooks
  readonly config: Config
  readonly control: Control
  readonly modules: Modules
  readonly slots: CoreSlots
  /** Hooks that the application calls. */
  readonly own: AppHooks
  readonly follower: Follower
}

/** Whom the parts turn to. */
export interface PartsOwner {
  /** Told of what could not be closed. */
  failed(error: unknown): void
  /** Somebody has asked for the end. */
  onShutdown?(): void | Promise<void>
  /** Shown every transaction before modules are loaded for it. */
  look?(txn: Transaction, slots: CoreSlots): void
}

/** Puts the parts together: the options of the core are registered, manifests are read, nothing is loaded yet. */
export async function makeParts(
  options: AppOptions,
  { failed, onShutdown = () => {}, look }: PartsOwner,
): Promise<Parts> {
  const { defines = [], modules: folders = [], localChangesOnly } = options
  const file = resolve(options.file)
  const searchPath = [...(await modulePathOf(file, defines)), ...folders.map((folder) => resolve(folder))]
  const hooks = new Hooks({ phases: true, onError: failed })
  const local = options.localChangesFile
  const localChangesFile = local === undefined ? undefined : resolve(local)
  const config = new Config({ hooks, file, overrides: defines, localChangesFile, localChangesOnly })
  const slots = registerCoreOptions(config)
  if (look !== undefined) config.participant({ load: (txn) => look(txn, slots) })
  const control = new Control()
  const modules = new Modules({ config, hooks, control, searchPath })
  // Before there are modules: a command of theirs that has the name of one of these is refused.
  registerCoreCommands(control, { config, hooks, modules, onShutdown })
  const own = new AppHooks(hooks)
  const follower = new Follower(
    file,
    slots,
    own,
    { scope: (name) => config.scope(name), isModule: (name) => modules.knows(name) },
    failed,
  )
  // Behind the modules: what is served may need what they set up.
  config.participant({
    load: (txn) => follower.load(txn),
    prepare: (txn) => follower.prepare(txn),
    commit: (txn) => follower.commit(txn),
    abort: () => follower.abort(),
  })
  return { file, hooks, config, control, modules, slots, own, follower }
}
