import Fastify from 'fastify'
import { obey } from './control.mjs'
import { HELLO, JSON_ANSWER, THREE_HEADERS_LENGTH, variant } from './task.mjs'

let requests = 0

function hello(_req, reply) {
  requests++
  reply.type('text/plain').send(HELLO)
}

function headers(req, reply) {
  const { 'user-agent': agent = '', accept = '', 'x-request-id': id = '' } = req.headers
  if (agent.length + accept.length + id.length === THREE_HEADERS_LENGTH) return hello(req, reply)
  reply.code(400).send()
}

function json(_req, reply) {
  requests++
  reply.send(JSON_ANSWER)
}

function echo(req, reply) {
  requests++
  reply.type('application/octet-stream').send(req.body)
}

const app = Fastify({ keepAliveTimeout: 300_000 })
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_req, body, done) => done(null, body))
app.route({
  method: variant === 'echo' ? 'POST' : 'GET',
  url: '/',
  handler: { hello, headers, json, echo }[variant],
})
await app.listen({ port: 0, host: '127.0.0.1', backlog: 1024 })
obey(app.server.address().port, () => requests)
