// A listener whose connections are served by a coroutine each: node examples/coroutine-listener.mjs [port] [silence in ms]
//
// The function reads as if it blocked. Duplicating and adopting the connection is done for it: registering it under the name
// that a listener has as its type is all. Try it with `nc 127.0.0.1 <port>`: anything is thanked for, `quit` ends, and so
// does silence. Without a port it picks one, talks to itself and ends.
import { connect, Eventer, Listeners } from 'heddle'

const [port = 0, silence = 50] = process.argv.slice(2).map(Number)

async function listenToMe(e) {
  const buff = Buffer.alloc(128)
  for (;;) {
    let count
    try {
      count = await e.read(buff, { timeout: silence })
    } catch (error) {
      if (error.code === 'ETIME') await e.write('bye!\n')
      break
    }
    if (count === 0) break
    if (buff.toString('latin1', 0, count).toLowerCase().startsWith('quit')) {
      await e.write('quitter!\n')
      break
    }
    await e.write('thanks!\n')
  }
  await e.close()
  e.free()
}

const eventer = await Eventer.init()
eventer.start()
const listeners = new Listeners(eventer.loops[0])
listeners.registerAco('listen_to_me', listenToMe)
const listener = await listeners.listen({ type: 'listen_to_me', address: '127.0.0.1', port })
console.log(`listening on ${listener.port === port ? port : 'a port of its own'}`)

if (port === 0) {
  const client = await connect({ loop: eventer.loops[0], host: '127.0.0.1', port: listener.port })
  for (const words of ['hello\n', 'quit\n']) {
    client.write(words)
    process.stdout.write(`${words.trim()}: ${await client.readUntil('\n')}`)
  }
  await client.close()
  const silent = await connect({ loop: eventer.loops[0], host: '127.0.0.1', port: listener.port })
  process.stdout.write(`silence: ${await silent.readUntil('\n')}`)
  await silent.close()
  await listeners.close({ drain: true })
  await eventer[Symbol.asyncDispose]()
}
