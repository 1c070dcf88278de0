/** The servers of both backends: heddle.mjs and heddle-js.mjs choose one before they load this. */
import { createServer, listen } from '../../dist/index.js'
import { obey } from './control.mjs'
import { HELLO, JSON_ANSWER, protocol, THREE_HEADERS_LENGTH, variant } from './task.mjs'

const KEEP_ALIVE_MS = 300_000

let units = 0

function hello(_req, res) {
  units++
  res.setHeader('Content-Type', 'text/plain').end(HELLO)
}

function headers(req, res) {
  const agent = req.header('user-agent') ?? ''
  const accept = req.header('accept') ?? ''
  const id = req.header('x-request-id') ?? ''
  if (agent.length + accept.length + id.length === THREE_HEADERS_LENGTH) return hello(req, res)
  res.writeHead(400).end()
}

function json(_req, res) {
  units++
  res.json(JSON_ANSWER)
}

function echo(req, res) {
  let kept
  req.onBody((view, last) => {
    const body = kept === undefined ? view : Buffer.concat([kept, view])
    if (last) {
      units++
      res.setHeader('Content-Type', 'application/octet-stream').end(body)
      return
    }
    kept = kept === undefined ? Buffer.from(view) : body
  })
}

async function serveHttp() {
  const handler = { hello, headers, json, echo }[variant]
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, handler)
  await server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 })
  return server.port
}

async function serveTcp() {
  const listener = await listen(
    { host: '127.0.0.1', port: 0, backlog: 1024 },
    {
      onData(connection, view) {
        units += view.length
        if (!connection.write(view)) connection.pause()
      },
      onDrain: (connection) => connection.resume(),
    },
  )
  return listener.port
}

const port = await (protocol === 'tcp' ? serveTcp() : serveHttp())
obey(port, () => units)
