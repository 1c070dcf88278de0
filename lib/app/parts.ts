import { resolve } from 'node:path'
import { Config } from '../config'
import { Control } from '../control'
import { Hooks } from '../hooks'
import type { AppOptions } from './app-options'
import { type CoreSlots, registerCoreOptions } from './core-options'
import { Follower } from './follower'
import { RequestHook } from './request-hook'

/** What an application consists of before anything runs. */
export interface Parts {
  /** The configuration, absolute. */
  readonly file: string
  readonly hooks: Hooks
  readonly config: Config
  readonly control: Control
  readonly slots: CoreSlots
  readonly follower: Follower
}

/** Puts the parts together: the options of the core are registered, manifests are read, nothing is loaded yet. */
export function makeParts(options: AppOptions, failed: (error: unknown) => void): Parts {
  const { defines = [] } = options
  const file = resolve(options.file)
  const hooks = new Hooks({ phases: true })
  const config = new Config({ hooks, file, overrides: defines })
  const slots = registerCoreOptions(config)
  const control = new Control()
  const follower = new Follower(file, slots, new RequestHook(hooks), failed)
  config.participant({
    prepare: (txn) => follower.prepare(txn),
    commit: () => follower.commit(),
    abort: () => follower.abort(),
  })
  return { file, hooks, config, control, slots, follower }
}
