import { createServer } from 'node:net'
import { once } from 'node:events'
import { obey } from './control.mjs'

let bytes = 0

/** The style of node:net that reads like a coroutine: an async iterator over the socket. */
async function serve(socket) {
  for await (const chunk of socket) {
    bytes += chunk.length
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  serve(socket).catch(() => socket.destroy()) // the load breaks its connections off at the end
})
server.listen(0, '127.0.0.1', 1024, () => obey(server.address().port, () => bytes))
