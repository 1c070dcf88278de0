import { fileURLToPath } from 'node:url'
import workerpool from 'workerpool'

export function create(threads) {
  const tasks = fileURLToPath(new URL('workerpool-tasks.mjs', import.meta.url))
  const pool = workerpool.pool(tasks, { minWorkers: threads, maxWorkers: threads, workerType: 'thread' })
  return {
    add: (a, b) => pool.exec('add', [{ a, b }]),
    copy: (bytes) => pool.exec('size', [bytes]),
    move: (bytes) => pool.exec('back', [bytes], { transfer: [bytes.buffer] }),
  }
}
