import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { HttpSpec } from '../../lib/backend/backend'
import { In, KNOWN_HEADERS, METHODS, Out, RequestFlag, RespondFlag } from '../../lib/backend/protocol'
import { Bench, TCP } from './js-backend-bench'

const HTTP: HttpSpec = {
  maxHeadBytes: 16384,
  maxHeaders: 100,
  maxBodyBytes: 1 << 20,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 10_000,
  writeTimeoutMs: 10_000,
  maxRequestsPerConnection: 0,
  maxPipelined: 32,
}

interface Request {
  connection: number
  seq: number
  flags: number
  method: string
  target: string
  head: string
  headers: [name: string, value: string, id: number][]
  body: string
}

/** An HTTP listener whose requests are handed to `onRequest`, and raw clients for it. */
class HttpBench extends Bench {
  readonly requests: Request[] = []
  readonly bodies: string[] = []
  onRequest: (request: Request) => void = (request) => this.respond(request, 200, request.target)
  readonly listener: number
  readonly #sockets: net.Socket[] = []

  constructor(spec: Partial<HttpSpec> = {}, more = {}) {
    super()
    this.listener = this.engine.listen({ ...TCP, autoClose: false, http: { ...HTTP, ...spec }, ...more })
    expect(this.listener).toBeGreaterThan(0)
    this.on(In.HTTP_REQUEST, (words) => this.#request(words))
    this.on(In.HTTP_BODY, ([, , offset, length]) => this.bodies.push(this.#text(offset!, length!)))
    this.engine.start()
  }

  respond({ connection, seq }: Request, status: number, body: string, lines = '', flags = 0): void {
    const bytes = Buffer.from(lines + body)
    const offset = this.port.reserve(bytes.length)
    this.port.send.set(bytes, offset)
    this.port.control[1] = offset + bytes.length
    const at = this.port.begin(Out.HTTP_RESPOND, 7)
    this.port.outbox.set([connection, seq | (status << 8), flags, offset, lines.length, body.length], at + 1)
  }

  head({ connection, seq }: Request, length: number): void {
    const at = this.port.begin(Out.HTTP_HEAD, 8)
    this.port.outbox.set([connection, seq | (200 << 8), 0, 0, 0], at + 1)
    this.port.outbox.set(new Int32Array(new Float64Array([length]).buffer), at + 6)
  }

  chunk({ connection, seq }: Request, text: string): void {
    this.write(Out.HTTP_CHUNK, [connection, seq], text)
  }

  end({ connection, seq }: Request): void {
    this.port.push2(Out.HTTP_END, connection, seq)
  }

  client(text = ''): Client {
    const client = new Client(this.engine.listenerAddress(this.listener)!.port)
    this.#sockets.push(client.socket)
    client.socket.write(text)
    return client
  }

  override close(): void {
    for (const socket of this.#sockets) socket.destroy()
    super.close()
  }

  #text(offset: number, length: number): string {
    return this.port.recv.toString('latin1', offset, offset + length)
  }

  #request(words: number[]): void {
    const [, connection, word, headAt, headLength, targetAt, targetLength, count, bodyAt, bodyLength] =
      words as number[]
    const headers: Request['headers'] = []
    for (let n = 0; n < count!; n++) {
      const [name, value] = [words[18 + 2 * n]!, words[19 + 2 * n]!]
      headers.push([
        this.#text(headAt! + (name & 0xffff), (name >>> 16) & 0xff),
        this.#text(headAt! + (value & 0xffff), value >>> 16),
        name >>> 24,
      ])
    }
    const request: Request = {
      connection: connection!,
      seq: word! & 0xff,
      flags: (word! >>> 8) & 0xffff,
      method: METHODS[word! >>> 24]!,
      target: this.#text(targetAt!, targetLength!),
      head: this.#text(headAt!, headLength!),
      headers,
      body: this.#text(bodyAt!, bodyLength!),
    }
    this.requests.push(request)
    this.onRequest(request)
  }
}

class Client {
  readonly socket: net.Socket
  text = ''
  isClosed = false

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket.on('data', (chunk) => (this.text += chunk.toString('latin1')))
    this.socket.on('end', () => (this.isClosed = true))
    this.socket.on('error', () => (this.isClosed = true))
  }

  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]))
  }
}

let bench: HttpBench
afterEach(() => bench.close())

const GET = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`

describe('js http', () => {
  it('reports a request with its words and answers it', async () => {
    bench = new HttpBench()
    const client = bench.client(
      'PATCH /p?q=1 HTTP/1.1\r\nHost: a.b:80\r\nX-Mine:  two words \r\nAccept: */*\r\n\r\n',
    )
    await bench.until(() => client.text.endsWith('/p?q=1'))
    const request = bench.requests[0]!
    expect(request.method).toBe('PATCH')
    expect(request.flags).toBe(RequestFlag.KEEP_ALIVE)
    const id = (name: (typeof KNOWN_HEADERS)[number]) => KNOWN_HEADERS.indexOf(name) + 1
    expect(request.headers).toEqual([
      ['Host', 'a.b:80', id('host')],
      ['X-Mine', 'two words', 0],
      ['Accept', '*/*', id('accept')],
    ])
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\nDate: .* GMT\r\nContent-Length: 6\r\n\r\n\/p\?q=1$/)
  })

  it('delivers a body that came with its head as complete', async () => {
    bench = new HttpBench()
    bench.onRequest = (request) => bench.respond(request, 201, request.body, 'X-A: b\r\n')
    const client = bench.client('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
    await bench.until(() => client.text.endsWith('hello'))
    expect(bench.requests[0]!.flags & RequestFlag.BODY_COMPLETE).not.toBe(0)
    expect(client.text).toContain('201 Created')
    expect(client.text).toContain('X-A: b\r\n')
  })

  it('streams a chunked body only after it is asked for', async () => {
    bench = new HttpBench()
    bench.onRequest = () => {}
    const client = bench.client(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n',
    )
    await bench.until(() => bench.requests.length === 1)
    const request = bench.requests[0]!
    expect(request.flags & (RequestFlag.CHUNKED | RequestFlag.BODY_COMPLETE)).toBe(RequestFlag.CHUNKED)
    await bench.passes(2)
    expect(bench.bodies).toEqual([])
    bench.port.push2(Out.HTTP_BODY_RESUME, request.connection, request.seq)
    await bench.until(() => bench.bodies.join('') === 'abc')
    client.socket.write('A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n')
    await bench.until(() => bench.of(In.HTTP_BODY).at(-1)!.words[4] === 1)
    expect(bench.bodies.join('')).toBe('abc0123456789')
    bench.respond(request, 200, 'ok')
    client.socket.write(GET('/next'))
    await bench.until(() => bench.requests.length === 2)
  })

  it('sends 100 Continue only when the body is wanted', async () => {
    bench = new HttpBench()
    bench.onRequest = () => {}
    const client = bench.client(
      'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
    )
    await bench.until(() => bench.requests.length === 1)
    const request = bench.requests[0]!
    expect(request.flags & RequestFlag.EXPECT_CONTINUE).not.toBe(0)
    await bench.passes(2)
    expect(client.text).toBe('')
    bench.port.push2(Out.HTTP_BODY_RESUME, request.connection, request.seq)
    await bench.until(() => client.text === 'HTTP/1.1 100 Continue\r\n\r\n')
    client.socket.write('body')
    await bench.until(() => bench.bodies.join('') === 'body')
  })

  it('answers pipelined requests in order whatever the order of the answers', async () => {
    bench = new HttpBench()
    bench.onRequest = () => {}
    const client = bench.client([1, 2, 3, 4].map((n) => GET(`/${n}`)).join(''))
    await bench.until(() => bench.requests.length === 4)
    const [one, two, three, four] = bench.requests as [Request, Request, Request, Request]
    bench.respond(four, 200, '[4]')
    bench.head(three, -1)
    bench.chunk(three, '[3')
    bench.respond(two, 200, '[2]')
    await bench.passes(2)
    expect(client.text).toBe('')
    bench.respond(one, 200, '[1]')
    bench.chunk(three, ']')
    bench.end(three)
    await bench
      .until(() => client.text.endsWith('[4]'))
      .catch((e) => {
        console.log(client.text, bench.uncaught)
        throw e
      })
    expect(client.text.match(/\[?\d\]|\[3/g)?.join(' ')).toContain('[1] [2] [3')
    expect(client.text).toContain('2\r\n[3\r\n1\r\n]\r\n0\r\n\r\n')
  })

  it('reads no more requests ahead than maxPipelined', async () => {
    bench = new HttpBench({ maxPipelined: 2 })
    bench.onRequest = () => {}
    const client = bench.client(GET('/1') + GET('/2') + GET('/3'))
    await bench.until(() => bench.requests.length === 2)
    await bench.passes(2)
    expect(bench.requests.length).toBe(2)
    bench.respond(bench.requests[0]!, 200, '')
    await bench.until(() => bench.requests.length === 3)
    expect(client.isClosed).toBe(false)
  })

  it('writes no body for HEAD, 204 and 304', async () => {
    bench = new HttpBench()
    const statuses = [200, 204, 304]
    bench.onRequest = (request) => bench.respond(request, statuses[request.seq]!, 'body')
    const client = bench.client(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET('/')}${GET('/')}`)
    await bench.until(() => client.statuses.length === 3)
    expect(client.text).not.toContain('body')
    expect(client.text.match(/Content-Length/g)).toEqual(['Content-Length'])
  })

  it('keeps HTTP/1.0 open only when asked, and says so', async () => {
    bench = new HttpBench()
    const kept = bench.client('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const closed = bench.client('GET / HTTP/1.0\r\n\r\n')
    await bench.until(() => kept.text.endsWith('/') && closed.isClosed)
    expect(kept.text).toContain('Connection: keep-alive')
    expect(closed.text).toContain('Connection: close')
    expect(kept.isClosed).toBe(false)
  })

  it('closes after the answer when the flag or the client says so', async () => {
    bench = new HttpBench()
    bench.onRequest = (request) =>
      bench.respond(request, 200, 'x', '', request.target === '/f' ? RespondFlag.CLOSE : 0)
    const one = bench.client(GET('/f'))
    const two = bench.client(GET('/', 'Connection: close\r\n') + GET('/never'))
    await bench.until(() => one.isClosed && two.isClosed)
    expect(bench.requests.map((request) => request.target).sort()).toEqual(['/', '/f'])
    two.socket.end()
    await bench.until(() => bench.engine.stats().connections === 0)
  })

  const refusals: [number, string, string][] = [
    [400, 'no host', 'GET / HTTP/1.1\r\n\r\n'],
    [400, 'two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
    [
      400,
      'length and chunked',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    [400, 'two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    [400, 'signed length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'],
    [400, 'bare LF', 'GET / HTTP/1.1\nHost: a\n\n'],
    [400, 'blank before colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    [400, 'folded line', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n'],
    [400, 'NUL in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n'],
    [400, 'relative target', 'GET x HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'chunked twice', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n'],
    [413, 'a long body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n'],
    [414, 'a long target', `GET /${'a'.repeat(17000)}`],
    [417, 'another expectation', GET('/', 'Expect: tea\r\n')],
    [431, 'a long head', GET('/', `X: ${'a'.repeat(17000)}\r\n`)],
    [431, 'many headers', GET('/', 'X: 1\r\n'.repeat(100))],
    [501, 'an unknown coding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    [505, 'another version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ]
  it.each(refusals)('refuses with %i: %s', async (status, _why, text) => {
    bench = new HttpBench()
    const client = bench.client(text)
    await bench.until(() => client.isClosed)
    expect(client.statuses).toEqual([status])
    expect(client.text).toContain('Connection: close')
    expect(bench.requests).toEqual([])
    expect(bench.of(In.HTTP_REFUSED)[0]!.words.slice(-1)).toEqual([status])
    client.socket.end()
    await bench.until(() => bench.engine.stats().connections === 0)
  })

  it('comes to the same verdict when every byte comes alone', async () => {
    bench = new HttpBench()
    const text = `POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz${GET('/after')}`
    bench.onRequest = (request) => {
      if (request.target === '/slow') bench.port.push2(Out.HTTP_BODY_RESUME, request.connection, request.seq)
      bench.respond(request, 200, request.target)
    }
    const client = bench.client()
    client.socket.setNoDelay(true)
    for (const byte of text) {
      client.socket.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await bench.until(() => client.text.endsWith('/after'))
    expect(client.statuses).toEqual([200, 200])
  })

  it('answers 413 when a chunked body grows beyond the limit', async () => {
    bench = new HttpBench({ maxBodyBytes: 10 })
    bench.onRequest = ({ connection, seq }) => bench.port.push2(Out.HTTP_BODY_RESUME, connection, seq)
    const client = bench.client(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n',
    )
    await bench.until(() => client.isClosed)
    expect(client.statuses).toEqual([413])
    expect(bench.of(In.HTTP_ABORT).length).toBe(1)
  })

  it('answers 408 to a head that does not end, and closes silent connections without a word', async () => {
    bench = new HttpBench({ headTimeoutMs: 30, keepAliveTimeoutMs: 30 })
    const slow = bench.client('GET / HT')
    const silent = bench.client()
    const kept = bench.client(GET('/'))
    await bench.until(() => slow.isClosed && silent.isClosed && kept.isClosed)
    expect([slow.statuses, silent.statuses, kept.statuses]).toEqual([[408], [], [200]])
  })

  it('answers 408 to a body that does not end', async () => {
    bench = new HttpBench({ requestTimeoutMs: 30 })
    bench.onRequest = ({ connection, seq }) => bench.port.push2(Out.HTTP_BODY_RESUME, connection, seq)
    const client = bench.client('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
    await bench.until(() => client.isClosed)
    expect(client.statuses).toEqual([408])
  })

  it('tells of a client that goes away with requests outstanding', async () => {
    bench = new HttpBench()
    bench.onRequest = () => {}
    const client = bench.client(GET('/'))
    await bench.until(() => bench.requests.length === 1)
    client.socket.resetAndDestroy()
    await bench.until(() => bench.of(In.HTTP_ABORT).length === 1)
    await bench.until(() => bench.engine.stats().connections === 0)
    bench.respond(bench.requests[0]!, 200, 'late')
    await bench.passes(2)
  })

  it('still answers a client that has shut its side down', async () => {
    bench = new HttpBench()
    bench.onRequest = () => {}
    const client = bench.client(GET('/'))
    client.socket.end()
    await bench.until(() => bench.requests.length === 1)
    await bench.passes(2)
    bench.respond(bench.requests[0]!, 200, 'late')
    await bench.until(() => client.isClosed)
    expect(client.text).toMatch(/Connection: close[\s\S]*late$/)
  })

  it('drops an unread body after an early answer and goes on', async () => {
    bench = new HttpBench()
    const client = bench.client('POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
    await bench.until(() => client.text.endsWith('/p'))
    client.socket.write('x'.repeat(100_000) + GET('/g'))
    await bench.until(() => client.text.endsWith('/g'))
  })

  it('closes after maxRequestsPerConnection', async () => {
    bench = new HttpBench({ maxRequestsPerConnection: 2 })
    const client = bench.client(GET('/1') + GET('/2') + GET('/3'))
    await bench.until(() => client.isClosed)
    expect(client.statuses).toEqual([200, 200])
  })

  it('LS-12 drains: idle connections close, busy ones after their answer', async () => {
    bench = new HttpBench()
    const idle = bench.client(GET('/idle'))
    await bench.until(() => idle.text !== '')
    bench.onRequest = () => {}
    const busy = bench.client(GET('/busy'))
    await bench.until(() => bench.requests.length === 2)
    expect(bench.engine.listenerDrain(bench.listener)).toBe(0)
    await bench.until(() => idle.isClosed)
    expect(busy.isClosed).toBe(false)
    bench.respond(bench.requests[1]!, 200, 'done')
    await bench.until(() => busy.isClosed)
    expect(busy.text).toMatch(/Connection: close[\s\S]*done$/)
  })

  it('reports HTTP_BLOCKED and HTTP_DRAIN of a client that does not read', async () => {
    bench = new HttpBench()
    bench.onRequest = (request) => bench.head(request, -1)
    const client = bench.client(GET('/'))
    await bench.until(() => bench.requests.length === 1)
    client.socket.pause()
    const { connection, seq } = bench.requests[0]!
    expect(bench.engine.httpWriteBlock(connection, seq, new Uint8Array(8 << 20))).toBe(0)
    await bench.until(() => bench.of(In.HTTP_BLOCKED).length === 1)
    expect(bench.of(In.HTTP_BLOCKED)[0]!.words).toEqual([connection, seq])
    client.socket.resume()
    await bench.until(() => bench.of(In.HTTP_DRAIN).length === 1)
    bench.end(bench.requests[0]!)
    await bench.until(() => client.text.endsWith('\r\n0\r\n\r\n'))
  })

  it('drops a client that takes no output', async () => {
    bench = new HttpBench({ writeTimeoutMs: 50 })
    bench.onRequest = (request) => bench.head(request, 64 << 20)
    const client = bench.client(GET('/'))
    await bench.until(() => bench.requests.length === 1)
    client.socket.pause()
    const { connection, seq } = bench.requests[0]!
    bench.engine.httpWriteBlock(connection, seq, new Uint8Array(64 << 20))
    await bench.until(() => bench.of(In.HTTP_ABORT).length === 1)
    expect(bench.engine.connectionPending(connection)).toBeLessThan(0)
  })
})
