// Opens many connections, sends one request on each, and leaves them idle until standard input ends.
//
//   node idle-clients.mjs '{"port":8888,"count":10000}'
//
// Prints "open N" when every one has been answered. One that fails or is closed meanwhile ends the program with 1.
import { connect } from 'node:net'

const { port, count } = JSON.parse(process.argv[2])
/** Connections under way at a time: fewer than the server's backlog. */
const AT_ONCE = 200
/** Source addresses, so that ports do not run out. */
const SOURCES = 4

const sockets = []
let started = 0
let answered = 0
for (let i = 0; i < AT_ONCE; i++) next()
process.stdin.resume()
process.stdin.once('end', () => {
  for (const socket of sockets) socket.removeAllListeners('close').destroy()
})

function next() {
  if (started === count) return
  const localAddress = `127.0.0.${2 + (started++ % SOURCES)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  sockets.push(socket)
  socket.on('error', (error) => fail(error.code))
  socket.on('close', () => fail('closed'))
  socket.write('GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n')
  socket.once('data', () => {
    answered++
    if (answered === count) console.log(`open ${count}`)
    else next()
  })
}

function fail(why) {
  console.error(`after ${answered} answers: ${why}`)
  process.exit(1)
}
