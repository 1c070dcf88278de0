// What examples/heddle.conf serves. Handlers are plain exports; the application in which they run is App.current().
import { App, capabilities, Eventer, memtypes } from 'heddle'
import { PAGE } from './page.mjs'

let requests = 0
let echoed = 0
const peers = new Set()

const sendsJson = (describe) => counted((_req, res) => sendJson(res, describe()))

export const page = counted((_req, res) => send(res, 'text/html; charset=utf-8', PAGE))

export const hello = counted((_req, res) => send(res, 'text/plain', 'Hello, world\n'))

/** Never as the type that was sent: a form of another site must not become a page of this one. */
export const echo = counted(async (req, res) => {
  send(res, 'application/octet-stream', await req.bytes())
})

export const stats = sendsJson(() => {
  const { backend, implementation } = capabilities()
  const { passes, waits, bufferedBytes } = Eventer.current().loops[0].port.engine.stats()
  const app = App.current()
  return {
    backend,
    implementation,
    'uptime (s)': Math.round(process.uptime()),
    'configuration generation': app.config.generation,
    'requests served': requests,
    'bytes echoed': echoed,
    'HTTP connections': app.service('web')?.connections ?? 0,
    'echo connections': app.service('echo')?.connections ?? 0,
    'loop passes': passes,
    'loop waits': waits,
    'bytes buffered': bufferedBytes,
    'resident memory (MiB)': Math.round(process.memoryUsage.rss() / 2 ** 20),
  }
})

/** What is open: the listeners, the echo port's connections, and descriptors watched by events. */
export const sockets = sendsJson(() => {
  const eventer = Eventer.current()
  return {
    listeners: App.current().services.map(({ settings, address, connections }) => ({
      name: settings.name,
      ...address,
      connections,
    })),
    connections: Array.from(peers, ({ local, remote, pending, idle }) => ({
      listener: 'echo',
      local,
      remote,
      pending,
      idle,
    })),
    descriptors: Array.from(eventer.fdEvents(), (event) => ({
      fd: event.fd,
      mask: event.mask,
      callback: eventer.nameForCallback(event.callback),
      owner: event.owner.name,
    })),
  }
})

export const timers = sendsJson(() => {
  const eventer = Eventer.current()
  return [...eventer.timedEvents(), ...eventer.timeouts()].map(({ callback, whence }) => ({
    callback: eventer.nameForCallback(callback),
    whence: new Date(whence).toISOString(),
    dueInMs: Math.round(whence - eventer.now()),
  }))
})

export const memory = sendsJson(() => ({
  allocator: memtypes.engine,
  totals: memtypes.totals(),
  types: memtypes.report().filter(({ total }) => total > 0),
}))

/** The TCP listener: what is sent comes back. */
export const echoes = {
  onConnection: (connection) => void peers.add(connection),
  onData(connection, view) {
    echoed += view.length
    if (!connection.write(view)) connection.pause()
  },
  onDrain: (connection) => connection.resume(),
  onClose: (connection) => void peers.delete(connection),
}

function counted(handler) {
  return (req, res) => {
    requests++
    return handler(req, res)
  }
}

function send(res, type, body) {
  res.setHeader('Content-Type', type).end(body)
}

function sendJson(res, value) {
  send(res, 'application/json', `${JSON.stringify(value, null, 2)}\n`)
}
