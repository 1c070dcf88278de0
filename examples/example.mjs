import { capabilities, createServer, Eventer, listen, memtypes } from 'heddle'
import { PAGE } from './page.mjs'

/** What runs every second, so that there is a timer to look at. */
const TICK_MS = 1000

/** The example: an eventer with one timer, an HTTP server with routes, a TCP listener that echoes. */
export class Example {
  #eventer
  #http
  #echo
  #peers = new Set()
  #requests = 0
  #echoed = 0
  #ticks = 0

  /** Fails with one readable line when a port is taken. */
  async start(ports) {
    this.#eventer = await Eventer.init()
    this.#eventer.start()
    this.#startTicking()
    this.#http = this.#routes(createServer({ loop: this.#eventer.loops[0] }))
    await bind('--http', ports.http, (port) => this.#http.listen({ port }))
    this.#echo = await bind('--echo', ports.echo, (port) => this.#listenEcho(port))
  }

  banner() {
    const { backend, implementation } = capabilities()
    return [
      `heddle example on the ${backend} backend (${implementation})`,
      `  page  http://127.0.0.1:${this.#http.port}/`,
      `  echo  127.0.0.1:${this.#echo.port} (TCP: what you send comes back)`,
      'Ctrl-C drains and ends.',
    ]
  }

  /** Finishes what is under way, then lets go of everything. */
  async stop(timeout) {
    await Promise.all([
      this.#http.close({ drain: true, timeout }),
      this.#echo.close({ drain: true, timeout }),
    ])
    await this.#eventer[Symbol.asyncDispose]()
  }

  #startTicking() {
    const tick = (event, _mask, _closure, now) => {
      this.#ticks++
      this.#eventer.updateWhence(event, now + TICK_MS)
      return 1
    }
    this.#eventer.nameCallback('example/tick', tick)
    this.#eventer.addIn(TICK_MS, tick)
  }

  #listenEcho(port) {
    return listen(
      { loop: this.#eventer.loops[0], port },
      {
        onConnection: (connection) => void this.#peers.add(connection),
        onData: (connection, view) => {
          this.#echoed += view.length
          if (!connection.write(view)) connection.pause()
        },
        onDrain: (connection) => connection.resume(),
        onClose: (connection) => void this.#peers.delete(connection),
      },
    )
  }

  #routes(server) {
    const count = (handler) => (req, res) => {
      this.#requests++
      return handler(req, res)
    }
    const json = (describe) => count((_req, res) => sendJson(res, describe()))
    return server
      .route(
        'GET',
        '/',
        count((_req, res) => send(res, 'text/html; charset=utf-8', PAGE)),
      )
      .route(
        'GET',
        '/hello',
        count((_req, res) => send(res, 'text/plain', 'Hello, world\n')),
      )
      .route('POST', '/echo', count(echo))
      .route(
        'GET',
        '/stats.json',
        json(() => this.#stats()),
      )
      .route(
        'GET',
        '/eventer/sockets.json',
        json(() => this.#sockets()),
      )
      .route(
        'GET',
        '/eventer/timers.json',
        json(() => this.#timers()),
      )
      .route(
        'GET',
        '/memory.json',
        json(() => ({
          allocator: memtypes.engine,
          totals: memtypes.totals(),
          types: memtypes.report().filter(({ total }) => total > 0),
        })),
      )
  }

  #stats() {
    const { backend, implementation } = capabilities()
    const { passes, waits, bufferedBytes } = this.#eventer.loops[0].port.engine.stats()
    return {
      backend,
      implementation,
      'uptime (s)': Math.round(process.uptime()),
      'requests served': this.#requests,
      'bytes echoed': this.#echoed,
      'HTTP connections': this.#http.connections,
      'echo connections': this.#echo.connections,
      'timer ticks': this.#ticks,
      'loop passes': passes,
      'loop waits': waits,
      'bytes buffered': bufferedBytes,
      'resident memory (MiB)': Math.round(process.memoryUsage.rss() / 2 ** 20),
    }
  }
  /** What is open: the listeners, the echo port's connections, and descriptors watched by events. */
  #sockets() {
    return {
      listeners: [
        { name: 'http', ...this.#http.address, connections: this.#http.connections },
        { name: 'echo', ...this.#echo.address, connections: this.#echo.connections },
      ],
      connections: Array.from(this.#peers, (connection) => ({
        listener: 'echo',
        local: connection.local,
        remote: connection.remote,
        pending: connection.pending,
        idle: connection.idle,
      })),
      descriptors: Array.from(this.#eventer.fdEvents(), (event) => ({
        fd: event.fd,
        mask: event.mask,
        callback: this.#eventer.nameForCallback(event.callback),
        owner: event.owner.name,
      })),
    }
  }

  #timers() {
    return [...this.#eventer.timedEvents(), ...this.#eventer.timeouts()].map(({ callback, whence }) => ({
      callback: this.#eventer.nameForCallback(callback),
      whence: new Date(whence).toISOString(),
      dueInMs: Math.round(whence - this.#eventer.now()),
    }))
  }
}

function send(res, type, body) {
  res.setHeader('Content-Type', type).end(body)
}

function sendJson(res, value) {
  send(res, 'application/json', `${JSON.stringify(value, null, 2)}\n`)
}

async function echo(req, res) {
  const type = req.header('content-type') ?? 'application/octet-stream'
  send(res, type, await req.bytes())
}

/** Listens, and says in one line why not. */
async function bind(option, port, listenOn) {
  try {
    return await listenOn(port)
  } catch (error) {
    if (error.code === 'EADDRINUSE') {
      throw new Error(`port ${port} is in use, choose another with ${option} (0 picks a free one)`)
    }
    throw new Error(`cannot listen on port ${port} (${option}): ${error.message}`)
  }
}
