// A worker that serves HTTP and TCP with everything in use: timers, a watched pair, streamed and pinned output.
// Reports its ports, then goes on until somebody ends it.
import { createServer, Eventer, listen, Mask } from 'heddle'
import { parentPort, workerData } from 'node:worker_threads'

const { httpPort = 0, reusePort = false } = workerData ?? {}
const LARGE = Buffer.alloc(1 << 20, 'large')

const eventer = Eventer.initSync()
eventer.start()
const loop = eventer.loops[0]

tickEvery(1)
watchPair()

const server = createServer({ loop, onError: () => {} })
  .route('GET', '/hello', (_req, res) => res.end('Hello, world\n'))
  .route('GET', '/large', (_req, res) => res.end(LARGE))
  .route('GET', '/stream', (_req, res) => res.stream(endless()).catch(() => {}))
  .route('GET', '/never', () => new Promise(() => {}))
  .route('POST', '/upload', async (req, res) => {
    let bytes = 0
    for await (const chunk of req) bytes += chunk.length
    res.json({ bytes })
  })
await server.listen({ port: httpPort, reusePort })

const echo = await listen(
  { loop },
  {
    onData: (connection, view) => {
      if (!connection.write(view)) connection.pause()
    },
    onDrain: (connection) => connection.resume(),
  },
)

parentPort.on('message', (message) => {
  if (message === 'end') void end()
})
parentPort.postMessage({ http: server.port, echo: echo.port })

function tickEvery(ms) {
  const tick = (event, _mask, _closure, now) => {
    eventer.updateWhence(event, now + ms)
    return 1
  }
  eventer.addIn(ms, tick)
}

/** Two descriptors that keep each other busy. */
function watchPair() {
  const [one, other] = eventer.core.backend.sys.pair()
  const byte = new Uint8Array(1)
  const pass = (event, mask) => {
    if (mask & Mask.READ) event.read(byte)
    event.write(byte)
    return Mask.READ
  }
  for (const fd of [one, other]) eventer.add(eventer.fdEvent(fd, Mask.READ, pass))
  eventer.core.backend.sys.write(one, byte)
}

async function* endless() {
  for (;;) yield LARGE
}

async function end() {
  await Promise.all([server.close({ drain: true, timeout: 50 }), echo.close({ drain: true, timeout: 50 })])
  await eventer[Symbol.asyncDispose]()
  parentPort.close()
}
