import { isMainThread } from 'node:worker_threads'
import type { SharedBackend } from '../../shared'
import { MainKeeper, type NameKeeper, WorkerKeeper } from './channel'
import { JsSharedCounter } from './counter'
import { JsSharedMap } from './map'
import { SharedMemory } from './memory'
import { type Hold, Names, type Wanted } from './names'

/** One keeper for each isolate, whatever the number of copies of this package in it. */
const KEEPER = Symbol.for('heddle/js/shared/1')

/**
 * Shared structures in pure JavaScript: memory that all isolates map, found by name through the main thread, which must
 * have loaded the package. The main thread opens at once, workers by asking it. From here on this isolate tells of the
 * threads it starts, so that the holds of one that is terminated are given back.
 */
export function createSharedBackend(): SharedBackend {
  const keeper = keeperOfIsolate()
  return {
    openMap: ({ name, maxBytes, ttlMs }) =>
      opened(keeper, { kind: 'map', name, maxBytes, ttlMs }, ({ id, slot, buffer }) => {
        const close = (isClean: boolean): void => keeper.close(id, slot, isClean)
        return new JsSharedMap(new SharedMemory(buffer), slot, ttlMs, close)
      }),
    openCounter: (name) =>
      opened(keeper, { kind: 'counter', name }, ({ id, slot, buffer }) => {
        return new JsSharedCounter(buffer, slot, () => keeper.close(id, slot, true))
      }),
  }
}

function opened<T>(
  keeper: NameKeeper,
  wanted: Wanted,
  make: (hold: Hold) => T,
): Promise<T | number> | T | number {
  const made = (result: Hold | number): T | number => (typeof result === 'number' ? result : make(result))
  const result = keeper.open(wanted)
  return result instanceof Promise ? result.then(made) : made(result)
}

function keeperOfIsolate(): NameKeeper {
  const place = globalThis as { [KEEPER]?: NameKeeper }
  const there = place[KEEPER]
  if (there !== undefined) return there
  const keeper = isMainThread ? new MainKeeper(new Names()) : new WorkerKeeper()
  place[KEEPER] = keeper
  process.on('worker', (worker) => {
    const thread = worker.threadId
    keeper.born(thread)
    worker.once('exit', () => keeper.ended(thread))
  })
  return keeper
}
