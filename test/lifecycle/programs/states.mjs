// Every kind of handle in every state of its life. `die` is what the program dies of; in the state `inFlight` it is
// called from within a callback of the handle, or with the handle's operation half done.
//
// Each maker resolves to a function that closes the handle, as often as it is called.
import { aco, connect, createServer, Eventer, listen, Mask } from 'heddle'
import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

const LARGE = Buffer.alloc(8 << 20, 'x')
const HELLO = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
/** A drain that nobody completes ends by itself, so that a program can. */
const DRAIN = { drain: true, timeout: 100 }
const once = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve))

/** A client of node:net that keeps no program alive; it may be reset. */
async function client(port, text = '') {
  const socket = net.connect(port, '127.0.0.1').unref()
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return socket
}

const pair = () => Eventer.current().core.backend.sys.pair()
const descriptorEvent = (callback) => {
  const [near, far] = pair()
  return { event: Eventer.current().fdEvent(near, Mask.READ, callback), far }
}
/** Events are freed by whoever holds them; a second time is refused, not fatal. */
const freeing = (event) => () => {
  try {
    event[Symbol.dispose]()
  } catch (error) {
    if (!['ERR_EVENT_ACTIVE', 'ERR_EVENT_FREED', 'ERR_NOT_INIT'].includes(error.code)) throw error
  }
}

const eventer = {
  created: async () => disposing(),
  armed: async () => {
    Eventer.current().start()
    return disposing()
  },
  inFlight: async (die) => {
    const own = Eventer.current()
    own.start()
    own.nextOpportunity(() => die())
    await turn()
    return disposing()
  },
  draining: async () => {
    const own = Eventer.current()
    own.start()
    await turn()
    void own.stop()
    return disposing()
  },
  closed: async () => {
    const close = disposing()
    Eventer.current().start()
    await close()
    return close
  },
}

function disposing() {
  const own = Eventer.current()
  return () => own[Symbol.asyncDispose]()
}

const fdEvent = {
  created: async () => freeing(descriptorEvent(() => 0).event),
  armed: async () => {
    const { event } = descriptorEvent(() => Mask.READ)
    Eventer.current().add(event)
    return freeing(event)
  },
  inFlight: async (die) => {
    const { event, far } = descriptorEvent(() => {
      die()
      return Mask.READ
    })
    Eventer.current().add(event)
    Eventer.current().core.backend.sys.write(far, Buffer.from('x'))
    return freeing(event)
  },
  draining: async () => {
    const { event } = descriptorEvent(() => Mask.READ)
    Eventer.current().add(event)
    event.close().catch(() => {})
    return freeing(event)
  },
  closed: async () => {
    const { event } = descriptorEvent(() => 0)
    await event.close()
    event.free()
    return freeing(event)
  },
}

const timer = {
  created: async () => freeing(Eventer.current().timerIn(1000, () => 0)),
  armed: async () => freeing(Eventer.current().addIn(1_000_000, () => 0)),
  inFlight: async (die) => freeing(Eventer.current().addIn(0, () => die() ?? 0)),
  draining: async () => {
    const event = Eventer.current().addIn(1000, () => 0)
    Eventer.current().remove(event)
    return freeing(event)
  },
  closed: async () => {
    const event = Eventer.current().addIn(1000, () => 0)
    Eventer.current().remove(event)
    event.free()
    return freeing(event)
  },
}

const listener = {
  created: async () => {
    const listening = listen({ port: 0 })
    return async () => (await listening).close()
  },
  armed: async () => {
    const own = await listen({ port: 0 })
    return () => own.close()
  },
  inFlight: async (die) => {
    const own = await listen({ port: 0 }, { onConnection: () => die() })
    await client(own.port)
    return () => own.close()
  },
  draining: async () => {
    const own = await listen({ port: 0 }, { onData: () => {} })
    await client(own.port)
    void own.close(DRAIN)
    return () => own.close(DRAIN)
  },
  closed: async () => {
    const own = await listen({ port: 0 })
    await own.close()
    return () => own.close()
  },
}

/** A peer of node:net that never reads, and keeps no program alive. */
async function deafPeer() {
  const server = net
    .createServer(
      (socket) =>
        void socket
          .pause()
          .unref()
          .on('error', () => {}),
    )
    .unref()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

const connection = {
  created: async () => {
    const connecting = connect({ port: await deafPeer() })
    return async () => (await connecting).destroy()
  },
  armed: async () => {
    const own = await connect({ port: await deafPeer() }, { onData: () => {} })
    return () => own.destroy()
  },
  inFlight: async (die) => {
    const own = await listen({ port: 0 }, { onData: (connection) => void connection.write(LARGE) || die() })
    await client(own.port, 'x')
    return () => own.close(DRAIN)
  },
  draining: async () => {
    const own = await connect({ port: await deafPeer() })
    own.write(LARGE)
    void own.close()
    return () => own.destroy()
  },
  closed: async () => {
    const own = await connect({ port: await deafPeer() })
    await own.close()
    return () => own.close()
  },
}

const server = {
  created: async () => {
    const own = createServer((_req, res) => res.end())
    return () => own.close()
  },
  armed: async () => {
    const own = await createServer((_req, res) => res.end()).listen()
    return () => own.close()
  },
  inFlight: async (die) => {
    const own = await createServer((_req, res) => void res.end('x') || die()).listen()
    await client(own.port, HELLO)
    return () => own.close(DRAIN)
  },
  draining: async () => {
    const own = await createServer(() => new Promise(() => {})).listen()
    await client(own.port, HELLO)
    await turn()
    void own.close(DRAIN)
    return () => own.close(DRAIN)
  },
  closed: async () => {
    const own = await createServer((_req, res) => res.end()).listen()
    await own.close()
    return () => own.close()
  },
}

/** A server whose handler has been called, with the request and the response to do something with. */
async function requestTo(handler, text = HELLO) {
  const own = await createServer(handler).listen()
  const socket = await client(own.port, text)
  return { own, socket, close: () => own.close(DRAIN) }
}

const POST = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf'

const request = {
  created: async () => (await requestTo(() => {}, 'GET / HT')).close,
  armed: async () => (await requestTo(() => new Promise(() => {}))).close,
  inFlight: async (die) => {
    const { close } = await requestTo((req) => {
      req.onBody(() => die())
      return new Promise(() => {})
    }, POST)
    return close
  },
  draining: async () => {
    const { socket, close } = await requestTo((_req, res) => res.end(LARGE))
    socket.pause()
    return close
  },
  closed: async () => {
    const { socket, close } = await requestTo((_req, res) => res.end('done'))
    await once(socket, 'data')
    return close
  },
}

/** A coroutine with a signal that ends it; nobody need hear of its end. */
function cancellable(body) {
  const controller = new AbortController()
  const co = aco.start(body, undefined, { signal: controller.signal })
  co.done.catch(() => {})
  return { co, close: () => controller.abort() }
}

const coroutine = {
  created: async () => cancellable(() => {}).close,
  armed: async () => cancellable((co) => co.park({ timeout: 1_000_000 })).close,
  inFlight: async (die) => {
    const body = async (co) => {
      const section = co.section()
      try {
        await co.sleep(0)
        die()
        await co.sleep(1_000_000)
      } finally {
        section.end()
      }
    }
    return cancellable(body).close
  },
  // A call of another thread is under way.
  draining: async () => {
    const nap = { module: 'node:timers/promises', export: 'setTimeout' }
    return cancellable((co) => co.asynch(nap, 100)).close
  },
  closed: async () => {
    const { co, close } = cancellable((co) => co.sleep(1_000_000))
    close()
    await co.done.catch(() => {})
    return close
  },
}

export const KINDS = { eventer, fdEvent, timer, listener, connection, server, request, coroutine }
/** In this order: what is in flight comes last, as the program may die of it. */
export const STATES = ['created', 'armed', 'draining', 'closed', 'inFlight']
