import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HeddleError } from '../../lib/errors'
import { createServer, type Refusal } from '../../lib/http'
import { every } from '../every'
import { hasIPv6 } from '../loopback'
import { socketFolder } from '../temporary-folder'
import { parseResponses, serve } from './http-harness'
import { client, makeLoop, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
/** A client has to say something before this is over, on a machine that may stand still for a while. */
const CLIENT_MS = 1500

describe('limits and time-outs', () => {
  test('LS-10 a head above maxHeadBytes or maxHeaders gives 431 and closes', async () => {
    const refused: Refusal[] = []
    await using s = await serve((_, res) => res.end('ok'), {
      maxHeadBytes: 2000,
      maxHeaders: 10,
      onRefused: (refusal) => refused.push(refusal),
    })
    const many = Array.from({ length: 11 }, (_, i) => `X-${i}: 1\r\n`).join('')
    for (const head of [`X: ${'y'.repeat(3000)}\r\n`, many]) {
      const text = await s.raw(`GET / HTTP/1.1\r\nHost: x\r\n${head}\r\n`)
      expect(parseResponses(text)).toMatchObject([{ status: 431, headers: { connection: 'close' } }])
    }
    const endless = await s.raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(5000)}`)
    expect(parseResponses(endless)).toMatchObject([{ status: 431 }])
    await until(() => refused.length === 3, 'all are reported')
    expect(refused.map(({ status }) => status)).toEqual([431, 431, 431])
    expect(await (await fetch(s.url)).text()).toBe('ok')
  })

  test('LS-10 what could smuggle a request gives 400 and closes', async () => {
    let handled = 0
    await using s = await serve((_, res) => {
      handled++
      res.end('ok')
    })
    const bad = [
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nX : 1\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\n folded\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx',
      'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\nHost: x\n\n',
      'nonsense\r\n\r\n',
    ]
    for (const text of bad) {
      const responses = parseResponses(await s.raw(`${text}${GET}`))
      expect([text, responses.length, responses[0]?.status]).toEqual([text, 1, 400])
    }
    expect(handled).toBe(0)
  })

  test('LS-05 headTimeout: a head that does not end gives 408; a byte now and then does not help', async () => {
    await using s = await serve((_, res) => res.end('ok'), { headTimeout: 200, requestTimeout: 0 })
    const start = performance.now()
    const socket = await client({ host: HOST, port: s.server.port })
    const answer = readAll(socket)
    // The first at once: a client that has said nothing is closed without a word.
    socket.write('G')
    using _ = every(40, () => socket.write('G'))
    const text = (await answer).toString()
    expect(performance.now() - start).toBeGreaterThanOrEqual(190)
    expect(parseResponses(text)[0]?.status).toBe(408)
  })

  test('LS-05 requestTimeout: a body that does not end fails its reader', async () => {
    const codes: unknown[] = []
    await using s = await serve(
      async (req, res) => {
        await req.bytes().catch((error: unknown) => {
          codes.push(error instanceof HeddleError)
          throw error
        })
        res.end()
      },
      { requestTimeout: CLIENT_MS },
    )
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart')
    await readAll(socket)
    await until(() => codes.length === 1, 'the reader knows')
    expect([codes, s.errors]).toEqual([[true], []])
  })

  test('LS-05 keepAliveTimeout closes a silent connection, quietly', async () => {
    await using s = await serve((_, res) => res.end('ok'), { keepAliveTimeout: CLIENT_MS })
    const socket = await client({ host: HOST, port: s.server.port })
    const start = performance.now()
    socket.write(GET)
    const responses = parseResponses((await readAll(socket)).toString())
    expect(responses).toMatchObject([{ status: 200, body: 'ok' }])
    expect(performance.now() - start).toBeGreaterThanOrEqual(CLIENT_MS - 10)
  })

  test('LS-05 writeTimeout drops a client that takes nothing', async () => {
    let aborted = false
    await using s = await serve(
      (_, res) => {
        res.onAbort(() => {
          aborted = true
        })
        res.write(Buffer.alloc(30_000_000))
      },
      { writeTimeout: 200 },
    )
    const socket = await client({ host: HOST, port: s.server.port })
    socket.pause()
    socket.write(GET)
    await until(() => aborted, 'the client is dropped')
    await until(() => s.loop.stats().connections === 0, 'the connection is gone')
  })

  test('LS-05 writeTimeout after end drops the client too, and tells nobody: the response was complete', async () => {
    let isEnded = false
    const told: string[] = []
    await using s = await serve(
      (req, res) => {
        res.onAbort(() => told.push('onAbort'))
        req.signal.addEventListener('abort', () => told.push('signal'))
        res.end(Buffer.alloc(30_000_000))
        isEnded = true
      },
      { writeTimeout: 200 },
    )
    const socket = await client({ host: HOST, port: s.server.port })
    socket.pause()
    socket.write(GET)
    await until(() => isEnded && s.loop.stats().connections === 0, 'the connection is gone')
    expect(told).toEqual([])
    expect(s.errors).toEqual([])
  })

  test('LS-10 maxRequestsPerConnection closes after the last one', async () => {
    await using s = await serve((req, res) => res.end(req.path), { maxRequestsPerConnection: 3 })
    const responses = parseResponses(await s.raw(GET.repeat(5)))
    expect(responses.map((r) => r.headers.connection)).toEqual([undefined, undefined, 'close'])
  })

  test('LS-10 maxConnections: the next client waits', async () => {
    await using s = await serve((_, res) => res.end('ok'), { maxConnections: 2 })
    const first = await client({ host: HOST, port: s.server.port })
    const second = await client({ host: HOST, port: s.server.port })
    for (const socket of [first, second]) {
      socket.write(GET)
      await readBytes(socket, 15)
    }
    const third = await client({ host: HOST, port: s.server.port })
    third.write(GET)
    await pause(100)
    expect(third.bytesRead).toBe(0)
    first.destroy()
    expect((await readBytes(third, 15)).toString()).toBe('HTTP/1.1 200 OK')
  })

  test('LS-10 bad limits are refused when the server is made', () => {
    const loop = makeLoop()
    for (const limits of [
      { maxHeadBytes: 70_000 },
      { maxPipelined: 33 },
      { headTimeout: -1 },
      { maxHeaders: 1.5 },
    ]) {
      expect(() => createServer({ loop, ...limits })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      )
    }
  })
})

describe('closing', () => {
  test('LS-12 drain answers what is under way, closes the idle, and resolves after the last', async () => {
    const gate = deferred()
    let under = 0
    await using s = await serve(async (req, res) => {
      under++
      if (req.path === '/slow') await gate.promise
      res.end(req.path)
    })
    const idle = await client({ host: HOST, port: s.server.port })
    idle.write(GET)
    await readBytes(idle, 15)
    const idleEnd = readAll(idle)
    const busy = await client({ host: HOST, port: s.server.port })
    busy.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    const answer = readAll(busy)
    await until(() => under === 2, 'both are under way')
    let closed = false
    const closing = s.server.close({ drain: true }).then(() => {
      closed = true
    })
    await idleEnd
    await expect(client({ host: HOST, port: Number(new URL(s.url).port) })).rejects.toThrow()
    await pause(30)
    expect(closed).toBe(false)
    gate.resolve()
    await closing
    expect(parseResponses((await answer).toString())).toMatchObject([
      { status: 200, body: '/slow', headers: { connection: 'close' } },
    ])
  })

  test('LS-10 a response that nobody takes is cut off at the limit of unsent output, with a code of its own', async () => {
    let code: string | undefined
    await using s = await serve((req, res) => {
      req.signal.addEventListener('abort', () => {
        code = (req.signal.reason as { code: string }).code
      })
      const part = new Uint8Array(4 << 20)
      const more = (): void => {
        if (code !== undefined) return
        res.write(part)
        setTimeout(more, 1)
      }
      more()
    })
    const socket = await client({ host: HOST, port: s.server.port })
    socket.on('error', () => {})
    socket.pause()
    socket.write(GET)
    await until(() => code !== undefined, 'the connection is cut off')
    expect(code).toBe('ERR_WRITE_OVERFLOW')
    socket.destroy()
  })

  test('LS-12 a second close waits for the drain that is under way', async () => {
    const gate = deferred()
    let under = 0
    await using s = await serve(async (_, res) => {
      under++
      await gate.promise
      res.end('late')
    })
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(GET)
    await until(() => under === 1, 'it is under way')
    const log: string[] = []
    const closes = ['first', 'second'].map(async (name) => {
      await s.server.close({ drain: true })
      log.push(name)
    })
    await pause(30)
    expect(log).toEqual([])
    gate.resolve()
    await Promise.all(closes)
    expect(log.sort()).toEqual(['first', 'second'])
  })

  test('LS-12 close without drain: open connections go on being served', async () => {
    await using s = await serve((req, res) => res.end(req.path))
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(GET)
    await readBytes(socket, 15)
    await s.server.close()
    socket.removeAllListeners('data')
    socket.write('GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect((await readAll(socket)).toString()).toMatch(/\/after$/)
  })

  test('LS-12 drain with a time limit gives up on a handler that never answers', async () => {
    let under = 0
    await using s = await serve(() => void under++)
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(GET)
    await until(() => under === 1, 'it is under way')
    await s.server.close({ drain: true, timeout: 60 })
    await until(() => socket.destroyed || socket.readableEnded, 'the client knows')
  })

  test('LS-12 a server listens on several addresses, over unix sockets too', async () => {
    await using s = await serve((_, res) => res.end('ok'))
    const other = hasIPv6 ? '::1' : '127.0.0.2'
    await s.server.listen({ host: other, port: 0 })
    const path = join(socketFolder(), 's')
    await s.server.listen({ path })
    expect(s.server.addresses.map(({ family }) => family)).toEqual([
      'IPv4',
      hasIPv6 ? 'IPv6' : 'IPv4',
      'unix',
    ])
    expect(
      await (await fetch(`http://${hasIPv6 ? `[${other}]` : other}:${s.server.addresses[1]?.port}/`)).text(),
    ).toBe('ok')
    const socket = await client({ path })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(parseResponses((await readAll(socket)).toString())[0]?.body).toBe('ok')
  })
})

function deferred() {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
