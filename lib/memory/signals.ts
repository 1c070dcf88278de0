import type { Backend } from '../backend/backend'

const listeners = new WeakMap<Backend, Set<() => void>>()

/**
 * Runs `heard` on this isolate's thread whenever its backend has something to tell about memory. Signals do not keep
 * the isolate alive.
 */
export function onSignal(backend: Backend, heard: () => void): void {
  const known = listeners.get(backend)
  if (known !== undefined) {
    known.add(heard)
    return
  }
  const all = new Set([heard])
  listeners.set(backend, all)
  backend.memory.listen(() => {
    for (const each of all) each()
  })
}
