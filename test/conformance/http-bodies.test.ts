import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { HttpRequest } from '../../lib/http'
import { parseResponses, serve } from './http-harness'
import { client, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
const run = promisify(execFile)

const post = (body: string | Buffer, extra = '') =>
  Buffer.concat([
    Buffer.from(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${extra}\r\n`),
    Buffer.from(body as string),
  ])

function chunked(parts: readonly string[]): string {
  const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`)
  return `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks.join('')}0\r\n\r\n`
}

/** Reads the body in every way there is and answers with its length. */
const readers: Record<string, (req: HttpRequest) => Promise<number>> = {
  bytes: async (req) => (await req.bytes()).length,
  text: async (req) => Buffer.byteLength(await req.text()),
  iterate: async (req) => {
    let size = 0
    for await (const chunk of req) size += chunk.length
    return size
  },
  callback: (req) =>
    new Promise((resolve) => {
      let size = 0
      req.onBody((view, last) => {
        size += view.length
        if (last) resolve(size)
      })
    }),
}

describe('request bodies', () => {
  for (const [name, read] of Object.entries(readers)) {
    test(`LS-01 ${name}: bodies of every size, by length and chunked, at once and later`, async () => {
      await using s = await serve(async (req, res) => {
        if (req.header('x-wait') !== undefined) await pause(20)
        res.end(String(await read(req)))
      })
      for (const size of [0, 1, 1000, 70_000, 1_000_000]) {
        for (const wait of [{}, { 'x-wait': '1' }] as Record<string, string>[]) {
          const body = Buffer.alloc(size, 'b')
          const plain = await fetch(s.url, { method: 'POST', body, headers: wait })
          expect(await plain.text()).toBe(String(size))
          const stream = new Blob([body]).stream()
          const piped = await fetch(s.url, {
            method: 'POST',
            body: stream,
            duplex: 'half',
            headers: wait,
          } as never)
          expect(await piped.text()).toBe(String(size))
        }
      }
      expect(s.errors).toEqual([])
    })
  }

  test('LS-01 a POST echoed by callback comes back byte for byte', async () => {
    await using s = await serve((req, res) => {
      req.onBody((view, last) => {
        if (last) res.end(view)
        else res.write(view)
      })
    })
    for (const size of [0, 1, 1024, 40_000, 800_000]) {
      const body = Buffer.alloc(size)
      for (let i = 0; i < size; i++) body[i] = (i * 31) & 0xff
      const response = await fetch(s.url, { method: 'POST', body })
      expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), body)).toBe(0)
    }
  })

  test('LS-01 pipelined bodies do not run into each other', async () => {
    await using s = await serve(async (req, res) => {
      await pause(1)
      res.end(await req.text())
    })
    const bodies = Array.from({ length: 30 }, (_, i) => `body ${i} ${'x'.repeat(i * 97)}`)
    const all = Buffer.concat([...bodies.map((body) => post(body)), post('last', 'Connection: close\r\n')])
    const responses = parseResponses(await s.raw(all))
    expect(responses.map((r) => r.body)).toEqual([...bodies, 'last'])
  })

  test('LS-01 chunks in odd places, extensions and trailers are understood and ignored', async () => {
    await using s = await serve(async (req, res) => {
      res.json([await req.text(), req.headers.has('x-trailer')])
    })
    const text =
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' +
      '5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n'
    const socket = await client({ host: HOST, port: s.server.port, noDelay: true })
    const answer = readAll(socket)
    for (let at = 0; at < text.length; at += 7) {
      socket.write(text.slice(at, at + 7))
      await pause(0)
    }
    expect(parseResponses((await answer).toString())[0]?.body).toBe('["hello world",false]')
  })

  test('LS-01 json: parsed, or 400', async () => {
    await using s = await serve(async (req, res) => res.json({ got: await req.json() }))
    const good = await fetch(s.url, { method: 'POST', body: '{"a":1}' })
    expect(await good.json()).toEqual({ got: { a: 1 } })
    const bad = await fetch(s.url, { method: 'POST', body: '{"a":' })
    expect(bad.status).toBe(400)
    expect(s.errors).toEqual([])
  })

  test('LS-01 a body can be used once: ERR_BODY_USED', async () => {
    const codes: unknown[] = []
    await using s = await serve(async (req, res) => {
      await req.text()
      await req.bytes().catch((error: { code: string }) => codes.push(error.code))
      try {
        req.onBody(() => {})
      } catch (error) {
        codes.push((error as { code: string }).code)
      }
      res.end()
    })
    await fetch(s.url, { method: 'POST', body: 'x' })
    await fetch(s.url, { method: 'POST', body: Buffer.alloc(300_000) })
    expect(codes).toEqual(['ERR_BODY_USED', 'ERR_BODY_USED', 'ERR_BODY_USED', 'ERR_BODY_USED'])
  })

  test('LS-01 the body of a request answered on the spot is stale, not garbage', async () => {
    const kept: HttpRequest[] = []
    await using s = await serve((req, res) => {
      kept.push(req)
      res.end()
    })
    await fetch(s.url, { method: 'POST', body: 'short' })
    await expect((kept[0] as HttpRequest).text()).rejects.toMatchObject({ code: 'ERR_STALE_VIEW' })
  })

  test('LS-01 limits: 413 for a body above maxBodyBytes or above the limit of the read', async () => {
    await using s = await serve(
      async (req, res) => {
        const limit = Number(req.query.get('limit') ?? 1e9)
        res.end(String((await req.bytes({ limit })).length))
      },
      { maxBodyBytes: 10_000 },
    )
    expect(await (await fetch(s.url, { method: 'POST', body: 'x'.repeat(10_000) })).text()).toBe('10000')
    const declared = await s.raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n')
    expect(parseResponses(declared)).toMatchObject([{ status: 413, headers: { connection: 'close' } }])
    const streamed = await s.raw(chunked(['a'.repeat(6000), 'b'.repeat(6000)]))
    expect(streamed).toMatch(/^HTTP\/1\.1 413 /)
    const small = await s.raw(
      `POST /?limit=10 HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nConnection: close\r\n\r\n${'x'.repeat(11)}`,
    )
    expect(parseResponses(small)[0]?.status).toBe(413)
  })

  test('LS-10 a body nobody reads pushes the client back; reading it lets it go on', async () => {
    let read: (() => Promise<Buffer>) | undefined
    let size = 0
    await using s = await serve(
      (req, res) => {
        read = async () => {
          const bytes = await req.bytes()
          size = bytes.length
          res.end('thanks')
          return bytes
        }
      },
      { maxBodyBytes: 50_000_000 },
    )
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 30000000\r\n\r\n`)
    const part = Buffer.alloc(1_000_000)
    for (let i = 0; i < 30; i++) socket.write(part)
    await until(() => read !== undefined, 'the handler runs')
    await pause(200)
    expect(socket.writableLength).toBeGreaterThan(10_000_000)
    expect(s.loop.stats().bufferedBytes).toBeLessThan(2_000_000)
    void read?.()
    const [response] = parseResponses((await readAll(socket)).toString())
    expect([response?.body, size]).toEqual(['thanks', 30_000_000])
  })

  test('LS-10 a slow for-await reader pushes the client back', async () => {
    let size = 0
    let most = 0
    await using s = await serve(
      async (req, res) => {
        for await (const chunk of req) {
          size += chunk.length
          if (size % 7 === 0) await pause(1)
          most = Math.max(most, s.loop.stats().bufferedBytes)
        }
        res.end(String(size))
      },
      { maxBodyBytes: 0 },
    )
    const response = await fetch(s.url, { method: 'POST', body: Buffer.alloc(5_000_000) })
    expect(await response.text()).toBe('5000000')
    expect(most).toBeLessThan(2_000_000)
  })

  test('LS-01 100-continue is sent when the body is asked for, not before', async () => {
    let go: (() => void) | undefined
    await using s = await serve(async (req, res) => {
      expect(req.expectsContinue).toBe(true)
      await new Promise<void>((resolve) => {
        go = resolve
      })
      res.end(await req.text())
    })
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
    )
    await until(() => go !== undefined, 'the handler runs')
    await pause(30)
    expect(socket.bytesRead).toBe(0)
    go?.()
    expect((await readBytes(socket, 25)).toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('body')
    expect(parseResponses((await readAll(socket)).toString())[0]?.body).toBe('body')
  })

  test('LS-01 a handler that answers without reading the body: the answer arrives, the next request is not confused', async () => {
    await using s = await serve((req, res) => res.end(req.path))
    const small = Buffer.concat([
      post('GET /smuggled HTTP/1.1\r\n\r\n'),
      Buffer.from('GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    ])
    expect(parseResponses(await s.raw(small)).map((r) => r.body)).toEqual(['/', '/next'])
    const response = await fetch(s.url, { method: 'POST', body: Buffer.alloc(900_000) })
    expect(await response.text()).toBe('/')
  })

  test('LS-10 a client that resets mid-body: every way of reading fails with ECONNRESET', async () => {
    const codes: string[] = []
    let under = 0
    await using s = await serve(async (req, res) => {
      under++
      const read = readers[req.path.slice(1)] as (r: HttpRequest) => Promise<number>
      const signal = new Promise<string>((resolve) => {
        req.signal.addEventListener('abort', () => resolve((req.signal.reason as { code: string }).code))
      })
      try {
        if (req.path === '/callback') {
          req.onBody(() => {})
          codes.push(await signal)
        } else await read(req)
      } catch (error) {
        codes.push((error as { code: string }).code)
        throw error
      }
      res.end()
    })
    for (const way of ['bytes', 'text', 'iterate', 'callback']) {
      const socket = await client({ host: HOST, port: s.server.port })
      socket.write(`POST /${way} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n${'x'.repeat(100_000)}`)
      const before = under
      await until(() => under > before, 'the handler runs')
      await pause(30)
      socket.resetAndDestroy()
    }
    await until(() => codes.length === 4, 'all four know')
    expect(codes).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET', 'ECONNRESET'])
    await until(() => s.loop.stats().connections === 0, 'the connections are gone')
    expect(s.errors).toEqual([])
  })

  test('LS-01 a body callback that throws gives 500', async () => {
    await using s = await serve((req) => {
      req.onBody(() => {
        throw new Error('planned')
      })
    })
    expect((await fetch(s.url, { method: 'POST', body: 'now' })).status).toBe(500)
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\n')
    await pause(20)
    socket.write('body')
    expect(parseResponses((await readAll(socket)).toString())[0]?.status).toBe(500)
    expect(s.errors).toHaveLength(2)
  })

  test('LS-01 curl: keep-alive, chunked upload, 100-continue, HEAD', async () => {
    await using s = await serve(async (req, res) => res.end(`${req.method} ${(await req.bytes()).length}`))
    const large = 'x'.repeat(90_000)
    const upload = ['-sS', '-T', '-', '-X', 'POST', '-H', 'Expect: 100-continue', s.url]
    const child = run('curl', upload)
    child.child.stdin?.end(large)
    expect((await child).stdout).toBe('POST 90000')
    const two = await run('curl', ['-sSv', `${s.url}/1`, `${s.url}/2`])
    expect(two.stdout).toBe('GET 0GET 0')
    expect(two.stderr).toMatch(/Re-using existing connection/)
    const head = await run('curl', ['-sSI', s.url])
    expect(head.stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 6\r\n/i)
  })
})
