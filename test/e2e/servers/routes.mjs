import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pattern } from './pattern.mjs'

const CHUNK = 10_000
const BLOCK = 64 * 1024

/** One route for every way in which a handler may answer, or fail to. */
export function addRoutes(server, counters) {
  const number = (req, name) => Number(req.query.get(name) ?? 0)
  server
    .route('GET', '/hello', (_req, res) => res.setHeader('Content-Type', 'text/plain').end('Hello, world\n'))
    .route('GET', '/cpu', (_req, res) =>
      res.end(String(process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000)),
    )
    .route('GET', '/counters', (_req, res) => res.setHeader('Connection', 'close').json(counters()))
    .route('POST', '/echo', async (req, res) => res.end(await req.bytes()))
    .route(['POST', 'PUT'], '/sum', sum)
    .route(['POST', 'PUT'], '/sum/*', sum)
    .route('POST', '/refuse', (_req, res) => {
      res.status = 417
      res.end('not wanted\n')
    })
    .route('POST', '/ignore', (_req, res) => res.end('ignored\n'))
    .route(['GET', 'HEAD'], '/block', (req, res) => res.end(pattern(number(req, 'bytes'))))
    .route('GET', '/small-chunks', (req, res) => res.stream(pieces(number(req, 'bytes'), CHUNK)))
    .route('GET', '/stream', (req, res) => res.stream(pieces(number(req, 'bytes'), BLOCK)))
    .route('GET', '/sized', (req, res) => {
      res.setHeader('Content-Length', number(req, 'bytes'))
      return res.stream(pieces(number(req, 'bytes'), BLOCK))
    })
    .route('GET', '/slow', async (req, res) => {
      await sleep(number(req, 'ms'))
      res.end('slow\n')
    })
    .route('GET', '/throw', () => {
      throw new Error('thrown on purpose')
    })
    .route('GET', '/reject', async () => {
      await sleep(1)
      throw new Error('rejected on purpose')
    })
    .route('GET', '/reject-late', async (_req, res) => {
      res.write('the beginning')
      await sleep(1)
      throw new Error('rejected in the middle')
    })
    .route('GET', '/never', () => new Promise(() => {}))
}

/** Length and SHA-256 of the body, read as it comes. */
async function sum(req, res) {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of req) {
    hash.update(chunk)
    bytes += chunk.length
  }
  res.json({ bytes, sha256: hash.digest('hex') })
}

/** Made as they are asked for: a client that does not read must not cost the time of all of them. */
function* pieces(bytes, size) {
  for (let at = 0; at < bytes; at += size) yield pattern(Math.min(at + size, bytes), at)
}
