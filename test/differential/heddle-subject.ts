import { createServer } from '../../lib'
import type { Seen, Subject } from './exchange'

export async function heddleSubject(): Promise<Subject> {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const { method, url: target, httpVersion: version } = request
    const fields = request.headers.toObject()
    const body = (await request.bytes()).toString('latin1')
    seen.push({ method, target, version, fields, body })
    response.end('ok')
  })
  await server.listen({ port: 0 })
  return { port: server.port, seen, close: () => server.close({ drain: true }) }
}
