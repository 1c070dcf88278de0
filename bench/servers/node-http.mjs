import { createServer } from 'node:http'
import { obey } from './control.mjs'
import { HELLO, JSON_ANSWER, THREE_HEADERS_LENGTH, variant } from './task.mjs'

let requests = 0

function hello(_req, res) {
  requests++
  res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': HELLO.length })
  res.end(HELLO)
}

function headers(req, res) {
  const { 'user-agent': agent = '', accept = '', 'x-request-id': id = '' } = req.headers
  if (agent.length + accept.length + id.length === THREE_HEADERS_LENGTH) return hello(req, res)
  res.writeHead(400).end()
}

function json(_req, res) {
  requests++
  const body = JSON.stringify(JSON_ANSWER)
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
}

function echo(req, res) {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', () => {
    requests++
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    res.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length })
    res.end(body)
  })
}

const server = createServer({ hello, headers, json, echo }[variant])
server.keepAliveTimeout = 300_000
server.listen(0, '127.0.0.1', 1024, () => obey(server.address().port, () => requests))
