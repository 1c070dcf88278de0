// A connection moves from callbacks into a coroutine and back: node examples/move-to-coroutine.mjs
//
// The callback sees that somebody is there and hands the connection to a coroutine, which reads as if it blocked; then the
// callbacks go on. No byte is lost on the way, also none that has arrived already. A descriptor event moves in the same way:
// remove it, start a coroutine with `event.copy()`, return 0; the original is freed and the copy adopted.
import { aco, connect, Eventer, listen } from 'heddle'

const eventer = await Eventer.init()
eventer.start()
const loop = eventer.loops[0]

const classic = {
  onConnection: (connection) => void aco.start(myAcoProcess, connection),
  onData: (connection, view) => void connection.write(`classic again: ${view}`),
}

async function myAcoProcess(co) {
  const e = aco.adopt(co.arg)
  const name = await e.readUntil('\n', { timeout: 1000 })
  await e.writeAll(`hello ${name}`)
  aco.release(e)
}

const listener = await listen({ loop, host: '127.0.0.1', port: 0 }, classic)
const client = await connect({ loop, host: '127.0.0.1', port: listener.port })
client.write('world\n')
process.stdout.write(await client.readUntil('\n'))
client.write('and bye\n')
process.stdout.write(await client.readUntil('\n'))
await client.close()
await listener.close({ drain: true })
await eventer[Symbol.asyncDispose]()
