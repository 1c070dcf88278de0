import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'

/** Requests under way at once: more do not make it faster. */
const OUTSTANDING = 256

/** A thread that owns a Map and answers `[id, key]` and `[id, key, value]`. */
const OWNER = `
  const { parentPort } = require('node:worker_threads')
  const map = new Map()
  const serve = (port) => port.on('message', (message) => {
    if (message.port) return serve(message.port)
    if (message.length === 3) map.set(message[1], message[2])
    port.postMessage([message[0], map.get(message[1])])
  })
  serve(parentPort)
`

/** Asks over `port` with so many requests outstanding; `settle` hears each answer. */
function client(port) {
  async function many(count, request, settle) {
    let sent = 0
    let answered = 0
    const send = () => port.postMessage(request(sent++))
    await new Promise((resolve) => {
      const onAnswer = ([, value]) => {
        settle(value)
        if (sent < count) send()
        if (++answered < count) return
        port.off('message', onAnswer)
        resolve()
      }
      port.on('message', onAnswer)
      while (sent < Math.min(count, OUTSTANDING)) send()
    })
  }
  return {
    async getMany(keys, from, count) {
      let found = 0
      const mask = keys.length - 1
      await many(
        count,
        (i) => [i, keys[(from + i) & mask]],
        (value) => {
          if (value !== undefined) found++
        },
      )
      return found
    },
    async setMany(keys, from, count, values) {
      const mask = keys.length - 1
      await many(
        count,
        (i) => [i, keys[(from + i) & mask], values[(from + i) & mask]],
        () => {},
      )
    },
  }
}

export async function create() {
  const owner = new Worker(OWNER, { eval: true })
  await once(owner, 'online')
  return {
    ...client(owner),
    /** A new way to the owner for each isolate that joins: a port can be given away once. */
    newToken() {
      const { port1, port2 } = new MessageChannel()
      owner.postMessage({ port: port1 }, [port1])
      return port2
    },
    close: () => owner.terminate(),
  }
}

export async function join(port) {
  return { ...client(port), close: () => port.close() }
}
