import { AsyncLocalStorage } from 'node:async_hooks'
import { ownerSource } from '../config/lock'
import type { Coroutine } from './coroutine'

/**
 * Which coroutine the running code belongs to, also behind awaits of foreign promises. Following that costs every
 * promise of the isolate about 100 ns, so the first coroutine switches it on; what waits often knows its coroutine
 * without asking here.
 */
class Current {
  #storage: AsyncLocalStorage<Coroutine> | undefined

  get coroutine(): Coroutine | undefined {
    return this.#storage?.getStore()
  }

  run<R>(co: Coroutine, body: () => R): R {
    this.#storage ??= this.#open()
    return this.#storage.run(co, body)
  }

  #open(): AsyncLocalStorage<Coroutine> {
    ownerSource.current = () => this.coroutine
    return new AsyncLocalStorage<Coroutine>()
  }
}

/** One an isolate. */
export const current = new Current()
