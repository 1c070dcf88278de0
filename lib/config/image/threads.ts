/**
 * Gives back what workers held when they end, however they end. Each isolate watches those it starts; one that ends takes
 * those it had started along. The thread of a worker is over before its `exit` is emitted, so nothing of it writes any more.
 */
import type { Worker } from 'node:worker_threads'
import { clearThread } from './pins'

/** Heads that this isolate reads or owns; one listener serves them all. */
const HEADS = new Set<Int32Array>()

/** Watches all workers that this isolate starts from now on. Returns what stops it. */
export function watchWorkers(words: Int32Array): () => void {
  if (HEADS.size === 0) process.on('worker', started)
  HEADS.add(words)
  return () => {
    HEADS.delete(words)
    if (HEADS.size === 0) process.off('worker', started)
  }
}

export function watchWorker(words: Int32Array, worker: Worker): void {
  const thread = worker.threadId
  if (thread > 0) worker.once('exit', () => clearThread(words, thread))
}

function started(worker: Worker): void {
  for (const words of HEADS) watchWorker(words, worker)
}
