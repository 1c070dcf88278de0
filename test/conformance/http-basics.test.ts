import { Agent, request as nodeRequest } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { HttpHandler, HttpRequest } from '../../lib/http'
import { parseResponses, serve } from './http-harness'
import { until } from './net-harness'

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

describe('requests', () => {
  test('LS-01 an answer has status, date, length and body', async () => {
    await using s = await serve((_, res) => res.end('Hello, World!'))
    const response = await fetch(s.url)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('13')
    expect(Date.parse(response.headers.get('date') ?? '')).toBeGreaterThan(Date.now() - 60_000)
    expect(await response.text()).toBe('Hello, World!')
  })

  test('LS-01 method, target, path, query and version are those of the request line', async () => {
    const seen: unknown[] = []
    await using s = await serve((req, res) => {
      seen.push([req.method, req.url, req.path, req.query.get('q'), req.httpVersion, req.keepAlive])
      res.end()
    })
    const requests = [
      'GET /a/b?q=1&q=2 HTTP/1.1\r\nHost: x\r\n\r\n',
      'PATCH /a/b?q=1&q=2 HTTP/1.1\r\nHost: x\r\n\r\n',
      'PROPFIND /dav HTTP/1.1\r\nHost: x\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET http://x/abs?q=z HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /old HTTP/1.0\r\n\r\n',
    ]
    await s.raw(requests.join(''))
    expect(seen).toEqual([
      ['GET', '/a/b?q=1&q=2', '/a/b', '1', '1.1', true],
      ['PATCH', '/a/b?q=1&q=2', '/a/b', '1', '1.1', true],
      ['PROPFIND', '/dav', '/dav', null, '1.1', true],
      ['OPTIONS', '*', '*', null, '1.1', true],
      ['GET', 'http://x/abs?q=z', '/abs', 'z', '1.1', true],
      ['GET', '/old', '/old', null, '1.0', false],
    ])
  })

  test('LS-01 targets that resemble each other are never mixed up', async () => {
    await using s = await serve((req, res) => res.end(req.url))
    const targets: string[] = []
    for (let i = 0; i < 400; i++)
      targets.push(`/${'abcdefghij'.slice(i % 10)}/${i % 37}/${'x'.repeat(i % 150)}`)
    const all = [...targets, ...targets].map((t) => `GET ${t} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const responses = parseResponses(await s.raw(`${all}${LAST}`))
    expect(responses.map((r) => r.body)).toEqual([...targets, ...targets, '/last'])
  })

  test('LS-01 header finds known and unknown names in any case, joins repeated lines', async () => {
    const names = [
      'host',
      'Host',
      'USER-AGENT',
      'x-own',
      'X-Own',
      'x-list',
      'accept',
      'cookie',
      'x-none',
      'x-empty',
    ]
    let seen: unknown
    let all: unknown
    await using s = await serve((req, res) => {
      seen = names.map((name) => req.header(name))
      all = req.headers.toObject()
      res.end()
    })
    await s.raw(
      'GET / HTTP/1.1\r\nHost: h:1\r\nUser-agent:  me \r\nX-OWN: 1\r\nx-list: a\r\nAccept: t\r\nX-List: b\r\n' +
        'accept: u\r\nCookie: a=1\r\nCookie: b=2\r\nx-empty:\r\nuser-agent: second\r\nConnection: close\r\n\r\n',
    )
    expect(seen).toEqual(['h:1', 'h:1', 'me', '1', '1', 'a, b', 't, u', 'a=1; b=2', undefined, ''])
    expect(all).toEqual({
      host: 'h:1',
      'user-agent': 'me',
      'x-own': '1',
      'x-list': 'a, b',
      accept: 't, u',
      cookie: 'a=1; b=2',
      'x-empty': '',
      connection: 'close',
    })
  })

  test('LS-01 header finds what stands behind more headers than the index of a record can count', async () => {
    const seen: unknown[] = []
    const handler: HttpHandler = (req, res) => {
      seen.push([req.header('accept'), req.header('Via'), req.header('te')])
      res.end()
    }
    await using s = await serve(handler, { maxHeaders: 256 })
    const request = (before: number, last: string) =>
      `GET / HTTP/1.1\r\nHost: x\r\nVia: a\r\n${'x-pad: 1\r\n'.repeat(before)}${last}\r\n`
    const all = [251, 252, 253].map((n) => request(n, 'Accept: far\r\n')).join('')
    await s.raw(`${all}${request(251, 'Via: b\r\nTE: t\r\n')}${LAST}`)
    const far = ['far', 'a', undefined]
    expect(seen).toEqual([far, far, far, [undefined, 'a, b', 't'], [undefined, undefined, undefined]])
  })

  test('LS-01 header values that resemble each other are never mixed up', async () => {
    await using s = await serve((req, res) => res.end(req.header('user-agent')))
    const agents = Array.from({ length: 300 }, (_, i) => `a${i % 7}${'b'.repeat(i % 300)}${i % 3}`)
    const all = agents.map((a) => `GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: ${a}\r\n\r\n`).join('')
    const responses = parseResponses(await s.raw(`${all}${LAST}`))
    expect(responses.map((r) => r.body)).toEqual([...agents, ''])
  })

  test('LS-01 headers iterate like those of the web platform', async () => {
    let entries: unknown
    let facts: unknown
    await using s = await serve((req, res) => {
      entries = [...req.headers]
      facts = [
        req.headers.get('HOST'),
        req.headers.has('x-a'),
        req.headers.has('nope'),
        [...req.headers.keys()],
      ]
      res.end()
    })
    await s.raw('GET / HTTP/1.1\r\nhost: x\r\nX-A: 1\r\n__proto__: 2\r\nConnection: close\r\n\r\n')
    expect(entries).toEqual([
      ['host', 'x'],
      ['x-a', '1'],
      ['__proto__', '2'],
      ['connection', 'close'],
    ])
    expect(facts).toEqual(['x', true, false, ['host', 'x-a', '__proto__', 'connection']])
  })

  test('LS-01 a request answered on the spot keeps what was read; the rest is ERR_STALE_VIEW', async () => {
    const kept: HttpRequest[] = []
    await using s = await serve((req, res) => {
      if (req.header('x-read')) expect(req.url).toBe('/read')
      kept.push(req)
      res.end()
    })
    await fetch(`${s.url}/read`, { headers: { 'x-read': '1' } })
    await fetch(`${s.url}/unread`)
    const [read, unread] = kept as [HttpRequest, HttpRequest]
    expect([read.method, read.url]).toEqual(['GET', '/read'])
    expect(unread.method).toBe('GET')
    const stale = expect.objectContaining({ code: 'ERR_STALE_VIEW' })
    expect(() => unread.url).toThrow(stale)
    expect(() => read.header('host')).toThrow(stale)
    expect(() => read.headers).toThrow(stale)
  })

  test('LS-01 a request of an async handler stays readable after its bytes are gone', async () => {
    let late: unknown
    await using s = await serve(async (req, res) => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      late = [req.method, req.url, req.header('X-Own'), req.header('user-agent'), req.headers.get('cookie')]
      res.end('ok')
    })
    const one = fetch(`${s.url}/slow?x=1`, {
      headers: { 'x-own': 'mine', 'user-agent': 'ua', cookie: 'a=b' },
    })
    await fetch(`${s.url}/other`)
    await (await one).text()
    await until(() => late !== undefined, 'answered')
    expect(await one.then((r) => r.status)).toBe(200)
    expect(late).toEqual(expect.arrayContaining(['GET']))
  })

  test('LS-01 several async requests each keep their own head', async () => {
    await using s = await serve(async (req, res) => {
      await new Promise((resolve) => setTimeout(resolve, Number(req.query.get('ms'))))
      res.json([req.method, req.path, req.header('x-n'), req.header('host') !== undefined])
    })
    const answers = await Promise.all(
      [40, 10, 30, 0, 20].map(async (ms, n) => {
        const response = await fetch(`${s.url}/p${n}?ms=${ms}`, { headers: { 'x-n': String(n) } })
        return response.json()
      }),
    )
    expect(answers).toEqual([0, 1, 2, 3, 4].map((n) => ['GET', `/p${n}`, String(n), true]))
  })

  test('LS-09 remote is the address of the client', async () => {
    let remote: unknown
    await using s = await serve((req, res) => {
      remote = req.remote
      res.end()
    })
    await fetch(s.url)
    expect(remote).toMatchObject({ family: 'IPv4', address: '127.0.0.1' })
  })

  test("LS-01 keep-alive: one connection serves many requests of Node's agent", async () => {
    await using s = await serve((req, res) => res.end(req.url))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 20; i++) {
      const body = await new Promise<string>((resolve, reject) => {
        nodeRequest(`${s.url}/${i}`, { agent }, (res) => {
          let text = ''
          res.setEncoding('utf8').on('data', (part: string) => {
            text += part
          })
          res.on('end', () => resolve(text))
        })
          .on('error', reject)
          .end()
      })
      expect(body).toBe(`/${i}`)
      expect(s.loop.stats().connections).toBe(1)
    }
    agent.destroy()
  })

  test('LS-01 pipelined requests are answered in order, whatever the order of completion', async () => {
    await using s = await serve(async (req, res) => {
      const n = Number(req.path.slice(1))
      await new Promise((resolve) => setTimeout(resolve, n % 2 === 0 ? 30 - n : 0))
      if (n % 3 === 0) {
        res.write(`${n}`)
        res.write('!')
        res.end()
      } else res.end(`${n}!`)
    })
    const all = Array.from({ length: 20 }, (_, n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const responses = parseResponses(
      await s.raw(`${all}GET /99 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    )
    expect(responses.map((r) => r.body)).toEqual([...Array.from({ length: 20 }, (_, n) => `${n}!`), '99!'])
  })

  test('LS-01 more pipelined requests than maxPipelined wait their turn', async () => {
    let under = 0
    let most = 0
    await using s = await serve(
      async (req, res) => {
        most = Math.max(most, ++under)
        await new Promise((resolve) => setTimeout(resolve, 1))
        under--
        res.end(req.path)
      },
      { maxPipelined: 4 },
    )
    const all = Array.from({ length: 30 }, (_, n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const responses = parseResponses(await s.raw(`${all}${LAST}`))
    expect(responses).toHaveLength(31)
    expect(most).toBeLessThanOrEqual(4)
  })

  test('LS-01 a request that comes byte by byte is understood', async () => {
    await using s = await serve(async (req, res) => res.end(`${req.url} ${await req.text()}`))
    const text = 'POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody'
    const { client, readAll } = await import('./net-harness')
    const socket = await client({ host: '127.0.0.1', port: s.server.port, noDelay: true })
    const answer = readAll(socket)
    for (const byte of text) {
      socket.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(parseResponses((await answer).toString())[0]?.body).toBe('/slow body')
  })

  test('LS-01 HTTP/1.0: closed after the answer, kept alive if asked', async () => {
    await using s = await serve((_, res) => res.end('x'))
    const [closed] = parseResponses(await s.raw('GET / HTTP/1.0\r\n\r\n'))
    expect(closed).toMatchObject({ status: 200, body: 'x', headers: { connection: 'close' } })
    const both = parseResponses(
      await s.raw('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n'),
    )
    expect(both.map((r) => r.headers.connection)).toEqual(['keep-alive', 'close'])
  })

  test('LS-01 Connection: close of either side closes after the answer', async () => {
    await using s = await serve((req, res) => {
      if (req.url === '/server') res.setHeader('Connection', 'close')
      res.end(req.url)
    })
    expect(parseResponses(await s.raw(`${GET}${LAST}${GET}`)).map((r) => r.body)).toEqual(['/', '/last'])
    const mine = await s.raw('GET /server HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(parseResponses(mine)).toMatchObject([{ body: '/server', headers: { connection: 'close' } }])
  })
})
