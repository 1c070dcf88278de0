import { createServer, type HttpHandler, type HttpServer, type HttpServerOptions } from '../../lib/http'
import { client, makeLoop, readAll, type TestLoop } from './net-harness'

const HOST = '127.0.0.1'

/** A server on a loop of its own, and short ways to talk to it. */
export interface TestServer extends AsyncDisposable {
  readonly server: HttpServer
  readonly loop: TestLoop
  readonly url: string
  /** What the default logger or `onError` would have been told. */
  readonly errors: unknown[]
  /** Sends raw bytes, returns everything until the server closes. */
  raw(bytes: string | Buffer): Promise<string>
}

export async function serve(
  handler: HttpHandler | undefined,
  options: Omit<HttpServerOptions, 'loop'> = {},
  prepare: (server: HttpServer) => void = () => {},
): Promise<TestServer> {
  const loop = makeLoop()
  const errors: unknown[] = []
  const server = createServer({ loop, onError: (error) => void errors.push(error), ...options }, handler)
  prepare(server)
  await server.listen({ host: HOST, port: 0 })
  return {
    server,
    loop,
    url: `http://${HOST}:${server.port}`,
    errors,
    async raw(bytes) {
      const socket = await client({ host: HOST, port: server.port, allowHalfOpen: true })
      socket.write(bytes)
      return (await readAll(socket)).toString('latin1')
    },
    [Symbol.asyncDispose]: () => server.close({ drain: true, timeout: 500 }),
  }
}

/** One response as it stands on the wire. */
export interface RawResponse {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

/** Takes responses apart; `methods` tells which ones answer HEAD. */
export function parseResponses(text: string, methods: readonly string[] = []): RawResponse[] {
  const responses: RawResponse[] = []
  let rest = text
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`half a response: ${rest}`)
    const [statusLine, ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number((statusLine as string).split(' ')[1])
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    rest = rest.slice(end + 4)
    const bodyless = status < 200 || status === 204 || status === 304 || methods[responses.length] === 'HEAD'
    const [body, after] = bodyless ? ['', rest] : takeBody(headers, rest)
    responses.push({ status, headers, body })
    rest = after
  }
  return responses
}

function takeBody(headers: Record<string, string>, rest: string): [string, string] {
  if (headers['transfer-encoding'] === 'chunked') return takeChunks(rest)
  const length = headers['content-length']
  if (length === undefined) return [rest, '']
  return [rest.slice(0, Number(length)), rest.slice(Number(length))]
}

function takeChunks(text: string): [string, string] {
  let body = ''
  let rest = text
  for (;;) {
    const line = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, line), 16)
    if (line < 0 || Number.isNaN(size)) throw new Error(`bad chunk: ${rest.slice(0, 40)}`)
    if (size === 0) return [body, rest.slice(line + 4)]
    body += rest.slice(line + 2, line + 2 + size)
    rest = rest.slice(line + 4 + size)
  }
}
