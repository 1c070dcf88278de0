import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { HttpResponse } from '../../lib/http'
import { HttpError } from '../../lib/http'
import { parseResponses, type RawResponse, serve, type TestServer } from './http-harness'
import { client, pause, readAll, readBytes, until } from './net-harness'

async function ask(s: TestServer, method: string, path = '/', extra = ''): Promise<RawResponse> {
  const text = await s.raw(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${extra}\r\n`)
  return parseResponses(text, [method])[0] as RawResponse
}

const throwing = (code: string) => expect.objectContaining({ code })

describe('responses', () => {
  test('LS-01 bodies of every size and alphabet arrive whole', async () => {
    const bodies = [
      '',
      'x',
      'é'.repeat(20),
      'a'.repeat(41),
      `${'a'.repeat(30)}ü`,
      '\u{1f9f5}'.repeat(4000),
      'b'.repeat(16_383),
      'c'.repeat(16_384),
      'ß'.repeat(100_000),
      Buffer.alloc(16_383, 1),
      Buffer.alloc(16_384, 2),
      Buffer.alloc(3_000_000, 3),
      new Uint8Array([0, 255, 10, 13]),
    ]
    await using s = await serve((req, res) => res.end(bodies[Number(req.path.slice(1))]))
    for (const [i, body] of bodies.entries()) {
      const response = await fetch(`${s.url}/${i}`)
      const bytes = Buffer.from(body as Uint8Array)
      expect(response.headers.get('content-length')).toBe(String(bytes.length))
      expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0)
    }
  })

  test('LS-01 headers: set, replaced, appended, removed, repeated, read back', async () => {
    let entries: unknown
    await using s = await serve((_, res) => {
      res.setHeader('X-One', '1').setHeader('X-Two', 'old').setHeader('x-two', 'new').setHeader('X-N', 7)
      res.appendHeader('Set-Cookie', 'a=1').appendHeader('set-cookie', 'b=2')
      res.setHeader('X-Gone', 'x').removeHeader('x-gone')
      res.setHeader('X-Many', ['p', 'q'])
      expect([res.getHeader('x-TWO'), res.hasHeader('X-GONE'), res.getHeader('x-many')]).toEqual([
        'new',
        false,
        'p, q',
      ])
      entries = res.headerEntries()
      res.end('x')
    })
    for (let i = 0; i < 3; i++) {
      const text = await s.raw('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      const lines = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n')
      expect(lines.filter((line) => /^(x-|set-)/i.test(line))).toEqual([
        'X-One: 1',
        'x-two: new',
        'X-N: 7',
        'Set-Cookie: a=1',
        'set-cookie: b=2',
        'X-Many: p',
        'X-Many: q',
      ])
      expect(s.errors).toEqual([])
    }
    expect(entries).toContainEqual(['x-two', 'new'])
  })

  test('LS-01 headers whose values keep changing are right every time', async () => {
    let n = 0
    await using s = await serve((_, res) => {
      n++
      res
        .setHeader('X-Id', `id-${n}`)
        .setHeader('X-Fixed', 'same')
        .setHeader(`X-Name-${n % 60}`, 'v')
        .end(`${n}`)
    })
    for (let i = 1; i <= 150; i++) {
      const response = await fetch(s.url)
      expect(response.headers.get('x-id')).toBe(`id-${i}`)
      expect(response.headers.get('x-fixed')).toBe('same')
      expect(response.headers.get(`x-name-${i % 60}`)).toBe('v')
      expect(await response.text()).toBe(`${i}`)
    }
  })

  test('LS-01 writeHead, json, Latin-1 values, own Date', async () => {
    await using s = await serve((req, res) => {
      if (req.path === '/json') return res.json({ a: [1, 'ü'], b: null })
      if (req.path === '/typed') return res.setHeader('content-type', 'application/problem+json').json({})
      return res
        .writeHead(201, { 'X-A': 'grün', Date: 'Thu, 01 Jan 1970 00:00:00 GMT', 'X-B': ['1', '2'] })
        .end()
    })
    const json = await fetch(`${s.url}/json`)
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(await json.json()).toEqual({ a: [1, 'ü'], b: null })
    const typed = await fetch(`${s.url}/typed`)
    expect(typed.headers.get('content-type')).toBe('application/problem+json')
    const text = await s.raw('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
    expect(text).toContain('X-A: grün\r\n')
    expect(text.match(/Date: [^\r]*/gi)).toEqual(['Date: Thu, 01 Jan 1970 00:00:00 GMT'])
    expect(text).toMatch(/Content-Length: 0\r\n/i)
  })

  test('LS-01 headers that could break the framing are refused with typed errors', async () => {
    const bad: [string, string][] = [
      ['', 'x'],
      ['a b', 'x'],
      ['a:', 'x'],
      ['a\r\nb', 'x'],
      ['ä', 'x'],
      ['x', 'a\r\nb: c'],
      ['x', 'a\nb'],
      ['x', '\0'],
      ['x', '\u0100'],
      ['Transfer-Encoding', 'chunked'],
      ['Connection', 'upgrade'],
      ['Content-Length', '1e3'],
      ['Content-Length', '-1'],
    ]
    let count = 0
    await using s = await serve((_, res) => {
      for (const [name, value] of bad) {
        expect(() => res.setHeader(name, value)).toThrow(throwing('ERR_INVALID_HEADER'))
        expect(() => res.appendHeader(name, value)).toThrow(throwing('ERR_INVALID_HEADER'))
        count++
      }
      for (const status of [0, 100, 199, 600, 200.5, Number.NaN]) {
        expect(() => {
          res.status = status
        }).toThrow(throwing('ERR_INVALID_ARGUMENT'))
      }
      res.end('clean')
    })
    expect(await (await fetch(s.url)).text()).toBe('clean')
    expect([count, s.errors]).toEqual([bad.length, []])
  })

  test('LS-01 a Content-Length of the user must be that of the body', async () => {
    await using s = await serve((req, res) => {
      const length = res.setHeader('Content-Length', '5')
      switch (req.path) {
        case '/whole':
          return length.end('12345')
        case '/stream':
          length.write('12')
          return length.end('345')
        case '/wrong':
          expect(() => length.end('1234')).toThrow(throwing('ERR_CONTENT_LENGTH'))
          return length.end('abcde')
        case '/more':
          length.write('1234')
          expect(() => length.write('56')).toThrow(throwing('ERR_CONTENT_LENGTH'))
          return length.end('5')
        default:
          length.write('123')
          return length.end()
      }
    })
    for (const [path, body] of [
      ['/whole', '12345'],
      ['/stream', '12345'],
      ['/wrong', 'abcde'],
      ['/more', '12345'],
    ]) {
      const response = await fetch(`${s.url}${path}`)
      expect([response.headers.get('content-length'), await response.text()]).toEqual(['5', body])
    }
    expect(s.errors).toEqual([])
    await expect(fetch(`${s.url}/short`).then((r) => r.text())).rejects.toThrow()
    expect(s.errors).toEqual([throwing('ERR_CONTENT_LENGTH')])
  })

  test('LS-01 HEAD: the headers of GET without the body; a length may be announced', async () => {
    await using s = await serve((req, res) => {
      if (req.path === '/announced') return res.setHeader('Content-Length', '1234567').end()
      if (req.path === '/stream') {
        res.write('a')
        return res.end('b')
      }
      if (req.path === '/large') return res.end(Buffer.alloc(100_000))
      return res.end('hello')
    })
    const heads = ['/', '/announced', '/stream', '/large']
      .map((p) => `HEAD ${p} HTTP/1.1\r\nHost: x\r\n\r\n`)
      .join('')
    const text = await s.raw(`${heads}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const responses = parseResponses(text, ['HEAD', 'HEAD', 'HEAD', 'HEAD', 'GET'])
    expect(responses.map((r) => [r.headers['content-length'], r.body])).toEqual([
      ['5', ''],
      ['1234567', ''],
      [undefined, ''],
      ['100000', ''],
      ['5', 'hello'],
    ])
  })

  test('LS-01 204 and 304 carry no body and no false length', async () => {
    await using s = await serve((req, res) => {
      res.status = Number(req.path.slice(1))
      if (req.query.has('stream')) {
        res.write('not')
        res.end('sent')
      } else res.end(req.query.has('large') ? Buffer.alloc(50_000) : 'not sent')
    })
    const paths = ['/204', '/304', '/204?stream', '/304?stream', '/204?large', '/304?large', '/200']
    const text = paths.map((p) => `GET ${p} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const responses = parseResponses(
      await s.raw(`${text}GET /200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    )
    expect(
      responses.map((r) => [r.status, r.headers['content-length'], r.headers['transfer-encoding']]),
    ).toEqual([
      [204, undefined, undefined],
      [304, undefined, undefined],
      [204, undefined, undefined],
      [304, undefined, undefined],
      [204, undefined, undefined],
      [304, undefined, undefined],
      [200, '8', undefined],
      [200, '8', undefined],
    ])
  })

  test('LS-01 streaming: chunked for HTTP/1.1, until close for HTTP/1.0', async () => {
    await using s = await serve(async (_, res) => {
      res.setHeader('X-S', '1')
      expect(res.headersSent).toBe(false)
      res.write('one ')
      expect(res.headersSent).toBe(true)
      expect(() => res.setHeader('x', 'y')).toThrow(throwing('ERR_HEADERS_SENT'))
      await pause(5)
      res.write('')
      res.write(Buffer.from('two '))
      res.write('é'.repeat(20_000))
      await pause(5)
      res.end(Buffer.alloc(20_000, 'z'))
      expect(() => res.write('x')).toThrow(throwing('ERR_RESPONSE_DONE'))
      expect(() => res.end()).toThrow(throwing('ERR_RESPONSE_DONE'))
    })
    const expected = `one two ${'é'.repeat(20_000)}${'z'.repeat(20_000)}`
    const response = await fetch(s.url)
    expect(response.headers.get('transfer-encoding')).toBe('chunked')
    expect(await response.text()).toBe(expected)
    const old = await s.raw('GET / HTTP/1.0\r\n\r\n')
    const [parsed] = parseResponses(old)
    expect(parsed?.headers['transfer-encoding']).toBeUndefined()
    expect(Buffer.from(parsed?.body ?? '', 'latin1').toString()).toBe(expected)
    expect(s.errors).toEqual([])
  })

  test('LS-01 flushHeaders sends the head before any body', async () => {
    let finish: (() => void) | undefined
    await using s = await serve((_, res) => {
      res.flushHeaders()
      finish = () => void res.end('done')
    })
    const response = await fetch(s.url)
    expect(response.status).toBe(200)
    finish?.()
    expect(await response.text()).toBe('done')
  })

  test('LS-10 a client that reads slowly gets all of a large stream, written at its pace', async () => {
    let waits = 0
    const part = Buffer.alloc(50_000, 'p')
    await using s = await serve(async (_, res) => {
      for (let i = 0; i < 200; i++) {
        if (res.write(part)) continue
        waits++
        await res.drained()
      }
      res.end()
    })
    const socket = await client({ host: '127.0.0.1', port: s.server.port })
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await pause(200)
    expect(s.loop.stats().bufferedBytes).toBeLessThan(2_000_000)
    const [response] = parseResponses((await readAll(socket)).toString('latin1'))
    expect(response?.body.length).toBe(10_000_000)
    expect(waits).toBeGreaterThan(10)
  })

  test('LS-10 stream sends an async iterable at the pace of the client and closes it on abort', async () => {
    let yielded = 0
    let closed = false
    async function* source() {
      try {
        for (;;) {
          yielded++
          yield Buffer.alloc(60_000)
        }
      } finally {
        closed = true
      }
    }
    await using s = await serve((req, res) =>
      req.path === '/short' ? res.stream(['a', 'b', 'c']) : res.stream(source()),
    )
    expect(await (await fetch(`${s.url}/short`)).text()).toBe('abc')
    const socket = await client({ host: '127.0.0.1', port: s.server.port })
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(() => yielded > 1, 'the stream is under way')
    await pause(150)
    expect(yielded).toBeLessThan(400)
    socket.destroy()
    await until(() => closed, 'the source is closed')
    expect(s.errors).toEqual([])
  })

  test('LS-10 a client that leaves: signal, onAbort, drained and write say so', async () => {
    const log: string[] = []
    let held: HttpResponse | undefined
    await using s = await serve((req, res) => {
      held = res
      req.signal.addEventListener('abort', () =>
        log.push(`signal ${(req.signal.reason as { code: string }).code}`),
      )
      res.onAbort((error) => log.push(`abort ${error.code}`))
      const fill = (): void => {
        while (res.write(Buffer.alloc(10_000)));
        res.drained().then(fill, (error: { code: string }) => log.push(`drained ${error.code}`))
      }
      fill()
    })
    const socket = await client({ host: '127.0.0.1', port: s.server.port })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await readBytes(socket, 100)
    socket.resetAndDestroy()
    await until(() => log.length === 3, 'everybody knows')
    expect(log.sort()).toEqual(['abort ECONNRESET', 'drained ECONNRESET', 'signal ECONNRESET'])
    expect([held?.aborted, held?.write('x')]).toEqual([true, false])
    held?.end('nobody hears this')
    expect(s.errors).toEqual([])
  })

  test('LS-01 a handler that throws or rejects gives 500 and one report, the connection goes on', async () => {
    await using s = await serve(async (req, res) => {
      res.setHeader('X-Secret', '1')
      if (req.path === '/later') await pause(5)
      if (req.path === '/status') throw new HttpError(418, 'ERR_TEAPOT')
      if (req.path === '/fine') return res.end('fine')
      throw new Error(`planned ${req.path}`)
    })
    const paths = ['/now', '/later', '/status', '/fine']
    const text = paths.map((p) => `GET ${p} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const responses = parseResponses(
      await s.raw(`${text}GET /fine HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    )
    expect(responses.map((r) => r.status)).toEqual([500, 500, 418, 200, 200])
    expect(responses[0]?.headers['x-secret']).toBeUndefined()
    expect(responses[0]?.body).toBe('Internal Server Error\n')
    expect(s.errors.map((e) => (e as Error).message).sort()).toEqual(['planned /later', 'planned /now'])
  })

  test('LS-01 a synchronous throw, also after a part of the answer, never leaves the client hanging', async () => {
    await using s = await serve((req, res) => {
      if (req.path === '/part') res.write('half')
      if (req.path === '/done') res.end('whole')
      throw new Error('planned')
    })
    expect((await fetch(s.url)).status).toBe(500)
    expect(await (await fetch(`${s.url}/done`)).text()).toBe('whole')
    await expect(fetch(`${s.url}/part`).then((r) => r.text())).rejects.toThrow()
    expect(s.errors).toHaveLength(3)
  })

  test('LS-01 a handler may answer after it has returned; responseTimeout answers 503 for it', async () => {
    const late: unknown[] = []
    await using s = await serve(
      (req, res) => {
        if (req.path === '/late') setTimeout(() => res.end('late'), 20)
        if (req.path === '/part') res.write('half')
        if (req.path !== '/too-late') return
        setTimeout(() => {
          late.push(res.aborted, res.setHeader('X-A', '1').write('too late'))
          late.push(res.end('too late').finished)
        }, 3000)
      },
      { responseTimeout: 1500 },
    )
    expect(await (await fetch(`${s.url}/late`)).text()).toBe('late')
    expect((await fetch(`${s.url}/never`)).status).toBe(503)
    expect((await fetch(`${s.url}/too-late`)).status).toBe(503)
    await until(() => late.length === 3, 'the handler is done')
    expect(late).toEqual([true, false, true])
    await expect(fetch(`${s.url}/part`).then((r) => r.text())).rejects.toThrow()
  })

  test('LS-01 destroy closes the connection without an answer', async () => {
    await using s = await serve((_, res) => res.destroy())
    const socket = await client({ host: '127.0.0.1', port: s.server.port })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    if (!socket.destroyed) await once(socket, 'close').catch(() => {})
    expect(socket.bytesRead).toBe(0)
  })

  test('LS-01 an answer without a default handler is 404', async () => {
    await using s = await serve(undefined)
    expect((await ask(s, 'GET')).status).toBe(404)
  })
})
