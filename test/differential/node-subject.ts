import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Seen, Subject } from './exchange'

function seenBy(request: IncomingMessage, body: string): Seen {
  return {
    method: request.method as string,
    target: request.url as string,
    version: request.httpVersion,
    fields: { ...(request.headers as Record<string, string>) },
    body,
  }
}

/** node:http, whose parser is the other opinion. */
export async function nodeSubject(): Promise<Subject> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('error', () => undefined)
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      seen.push(seenBy(request, Buffer.concat(parts).toString('latin1')))
      response.end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
