/** Piscina, and Tinypool, which began as it. */
export function overRun(Pool, tasks, options) {
  const pool = new Pool({ filename: new URL(tasks, import.meta.url).href, ...options })
  return {
    add: (a, b) => pool.run({ a, b }, { name: 'add' }),
    copy: (bytes) => pool.run(bytes, { name: 'size' }),
    move: (bytes) => pool.run(bytes, { name: 'back', transferList: [bytes.buffer] }),
  }
}
