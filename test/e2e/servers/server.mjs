// The server under test, a program of its own: HTTP with a route for every way to answer, and a TCP echo.
//
//   node server.mjs '{"http":{…},"also":[{…}],"echo":{…},"eventer":{…}}'
//
// `also`: further addresses of the HTTP server; the others are options of createServer, listen and Eventer.init.
//
// Prints one JSON line with its addresses, one line for each event worth telling; SIGTERM drains and exits with 0.
import { createServer, Eventer, listen } from 'heddle'
import { addRoutes } from './routes.mjs'
import { counters } from './counters.mjs'

const options = JSON.parse(process.argv[2] ?? '{}')
/** Longer than any test waits: a drain that hangs must be seen as one. */
const DRAIN_MS = 120_000

const eventer = await Eventer.init(options.eventer)
eventer.start()
const loop = eventer.loops[0]

const server = createServer({
  loop,
  ...options.http,
  onError: (error, request) => say('error', { message: error.message, code: error.code, url: request.url }),
  onRefused: ({ status }) => say('refused', { status }),
  onAcceptError: (error) => say('accept-error', { code: error.code }),
})
addRoutes(server, () => counters(eventer, { http: server.connections, echo: echo.connections }))
await server.listen()
for (const address of options.also ?? []) await server.listen(address)

const echo = await listen(
  { loop, ...options.echo },
  {
    onData: (connection, view) => {
      if (!connection.write(view)) connection.pause()
    },
    onDrain: (connection) => connection.resume(),
  },
)
echo.on('error', (error) => say('accept-error', { code: error.code }))

process.once('SIGTERM', async () => {
  say('draining')
  await Promise.all([
    server.close({ drain: true, timeout: DRAIN_MS }),
    echo.close({ drain: true, timeout: DRAIN_MS }),
  ])
  await eventer[Symbol.asyncDispose]()
  say('done')
})

say('listening', { pid: process.pid, http: server.port, echo: echo.port, addresses: server.addresses })

function say(event, details) {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`)
}
