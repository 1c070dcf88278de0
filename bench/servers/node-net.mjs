import { createServer } from 'node:net'
import { obey } from './control.mjs'

let bytes = 0

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {}) // the load breaks its connections off at the end
  socket.on('data', (chunk) => {
    bytes += chunk.length
    if (socket.write(chunk)) return
    socket.pause()
    socket.once('drain', () => socket.resume())
  })
})
server.listen(0, '127.0.0.1', 1024, () => obey(server.address().port, () => bytes))
