import { fileURLToPath } from 'node:url'
import { FixedThreadPool } from 'poolifier'

/** It moves arguments but not results, so it takes no part in moving there and back. */
export function create(threads) {
  const pool = new FixedThreadPool(threads, fileURLToPath(new URL('poolifier-tasks.mjs', import.meta.url)))
  return {
    add: (a, b) => pool.execute({ a, b }, 'add'),
    copy: (bytes) => pool.execute(bytes, 'size'),
  }
}
