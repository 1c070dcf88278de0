import { threadId } from 'node:worker_threads'

// What servers over pools serve with, on every kind of pool.

/** Which thread answers. */
export const who = (req, res) => res.json({ threadId, path: req.path })

export const echo = async (req, res) => res.end(await req.bytes())

export const user = (req, res) => res.json({ id: req.params.id })

export const broken = () => {
  throw Object.assign(new RangeError('out of yarn'), { code: 'EYARN' })
}

/** It is told that this failed, and then the thread is gone. */
export const breakAndDie = () => {
  setImmediate(() => process.exit(9))
  throw new RangeError('at last')
}

export const slow = async (_req, res) => {
  res.write('at ')
  await new Promise((resolve) => setTimeout(resolve, 100))
  res.end('last')
}

export const notAFunction = 3

/** TCP: answers with the thread, then sends back what comes. */
export const greeter = {
  onConnection: (connection) => void connection.write(`${threadId}\n`),
  onData: (connection, view) => void connection.write(view),
}

export const die = () => process.exit(9)

export const never = () => new Promise(() => {})

/** As a pool's module: dies as it starts, as often as `data.deaths` says. */
export function start({ data }) {
  if (data?.deaths !== undefined && Atomics.sub(data.deaths, 0, 1) > 0) process.exit(3)
}

let systemListen

/** From now on the loop here listens with this errno; 0: as it does. */
export const failToListen = (errno, { loop }) => {
  const { engine } = loop.port
  systemListen ??= engine.listen
  engine.listen = errno === 0 ? systemListen : () => errno
}

/** Nothing else runs here meanwhile. */
export const burn = (ms) => {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** What `flood` has done in this isolate; `/new` begins anew. */
let flooded

export const floodState = (req, res) => {
  if (req.path === '/new') flooded = { total: 0, blocked: 0, drained: 0, closed: [] }
  res.json(flooded)
}

const CHUNK = Buffer.alloc(10_000, 7)
const LARGE = 32_000_000

function fill(connection) {
  while (flooded.total < LARGE) {
    flooded.total += CHUNK.length
    if (connection.write(CHUNK)) continue
    flooded.blocked++
    return
  }
  void connection.close()
}

/** TCP: so many bytes, as fast as the client takes them. */
export const flood = {
  onConnection: fill,
  onDrain(connection) {
    flooded.drained++
    fill(connection)
  },
  onClose: (_connection, error) => void flooded.closed.push(error?.code ?? 'none'),
}

/** HTTP: as many, in one piece, and not the end: so it is told where the client does not take them. */
export const large = (_req, res) => {
  res.onAbort(() => void flooded.closed.push('aborted'))
  res.write(Buffer.alloc(LARGE))
}
