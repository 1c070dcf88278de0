/** A coroutine a connection: 64 bytes are read, and written back. */
process.env.HEDDLE_BACKEND = 'native'
const { Eventer, Listeners } = await import('../../dist/index.js')
const { obey } = await import('./control.mjs')

let units = 0

const eventer = await Eventer.init()
eventer.start()
const listeners = new Listeners(eventer.loops[0])
listeners.registerAco('echo', async (event) => {
  const co = event.coroutine
  const buffer = Buffer.alloc(64)
  try {
    for (let n = await co.read(event, buffer); n > 0; n = await co.read(event, buffer)) {
      units += n
      await co.write(event, n === buffer.length ? buffer : buffer.subarray(0, n))
    }
  } finally {
    await event.close()
  }
})
const listener = await listeners.listen({ type: 'echo', address: '127.0.0.1', port: 0, backlog: 1024 })
obey(listener.port, () => units)
