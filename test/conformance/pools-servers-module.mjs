import { threadId } from 'node:worker_threads'

// What servers over pools serve with, on every kind of pool.

/** Which thread answers. */
export const who = (req, res) => res.json({ threadId, path: req.path })

export const echo = async (req, res) => res.end(await req.bytes())

export const user = (req, res) => res.json({ id: req.params.id })

export const broken = () => {
  throw Object.assign(new RangeError('out of yarn'), { code: 'EYARN' })
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
