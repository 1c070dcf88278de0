import type { AcoBackend } from '../backend/aco'
import { HeddleError } from '../errors'
import type { Core } from '../eventer/core'
import type { Loop } from '../eventer/loop'
import { NativeLoop } from './native-loop'
import { watchers } from './watchers'

/** Turns that native coroutines get at the end of their eventer, before the loop ends them. */
const LAST_TURNS = 100

/** The native coroutines of one eventer. Made when something native is asked for, closed with the eventer. */
export class NativeRuntime {
  readonly core: Core
  readonly #loops = new Map<Loop, NativeLoop>()

  /** That of the eventer. ERR_NATIVE_REQUIRED, ERR_NOT_INIT. */
  static of(core: Core): NativeRuntime {
    needNative(core.backend.aco)
    core.assertOpen()
    const known = runtimes.get(core)
    if (known !== undefined) return known
    const runtime = new NativeRuntime(core)
    runtimes.set(core, runtime)
    return runtime
  }

  static find(core: Core): NativeRuntime | undefined {
    return runtimes.get(core)
  }

  private constructor(core: Core) {
    this.core = core
    const watch = (): void => {
      for (const loop of this.loops) loop.watch()
    }
    core.debugWatchers.add(watch)
    const unwatch = watchers.onChange(watch)
    core.closers.add(async () => {
      await this.#close()
      core.debugWatchers.delete(watch)
      unwatch()
    })
  }

  get loops(): Iterable<NativeLoop> {
    return this.#loops.values()
  }

  loop(loop: Loop): NativeLoop {
    const known = this.#loops.get(loop)
    if (known !== undefined) return known
    const made = new NativeLoop(loop, needNative(loop.engine.aco))
    this.#loops.set(loop, made)
    return made
  }

  /** Waits fail, so that procedures clean up and exit; whoever does not in time is ended with the loop. */
  async #close(): Promise<void> {
    const reason = new HeddleError('ECANCELED', 'the eventer is closed')
    for (const loop of this.loops) loop.cancelAll(reason)
    for (let turn = 0; turn < LAST_TURNS && [...this.loops].some(({ live }) => live > 0); turn++) {
      await new Promise(setImmediate)
    }
    // The records of the last ends are dispatched.
    await new Promise(setImmediate)
    for (const loop of this.loops) loop.abandon(reason)
  }
}

const runtimes = new WeakMap<Core, NativeRuntime>()

/** The native coroutines of a loop. ERR_NATIVE_REQUIRED, ERR_NOT_INIT. */
export function nativeLoop(loop: Loop): NativeLoop {
  return NativeRuntime.of(loop.core).loop(loop)
}

/** ERR_NATIVE_REQUIRED where there is none. */
export function needNative<T>(native: T | undefined): T {
  if (native === undefined)
    throw new HeddleError('ERR_NATIVE_REQUIRED', 'native coroutines need the native backend')
  return native
}

/** The process's part. ERR_NATIVE_REQUIRED. */
export function nativeBackend(backend: { readonly aco?: AcoBackend }): AcoBackend {
  return needNative(backend.aco)
}
