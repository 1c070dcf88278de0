import { MessageChannel, Worker } from 'node:worker_threads'

/** What a program without a pool does: a channel to each of its threads, messages with numbers, taken in turn. */
export function create(threads) {
  const waiting = new Map()
  const ports = Array.from({ length: threads }, () => {
    const { port1, port2 } = new MessageChannel()
    new Worker(new URL('message-channel-tasks.mjs', import.meta.url), {
      workerData: { port: port2 },
      transferList: [port2],
    })
    port1.on('message', ({ id, value }) => {
      waiting.get(id)(value)
      waiting.delete(id)
    })
    return port1
  })
  let id = 0
  const call = (task, arg, transfer) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve)
      ports[id % threads].postMessage({ id, task, arg }, transfer)
    })
  return {
    add: (a, b) => call('add', { a, b }),
    copy: (bytes) => call('size', bytes),
    move: (bytes) => call('back', bytes, [bytes.buffer]),
  }
}
