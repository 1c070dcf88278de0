/** Tells when a worker that this isolate started has ended. One listener serves all who ask. */
import type { Worker } from 'node:worker_threads'

type Told = (thread: number) => void

const LISTENERS = new Set<Told>()

/**
 * Calls with the id of each worker that is started from now on, once it has ended: its `exit` comes when its thread is over, and
 * those of its own workers before. Returns what stops it.
 */
export function onWorkerEnd(told: Told): () => void {
  if (LISTENERS.size === 0) process.on('worker', started)
  LISTENERS.add(told)
  return () => {
    LISTENERS.delete(told)
    if (LISTENERS.size === 0) process.off('worker', started)
  }
}

function started(worker: Worker): void {
  const thread = worker.threadId
  worker.once('exit', () => {
    for (const told of [...LISTENERS]) told(thread)
  })
}
