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
