import { pbkdf2 } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createServer, type HttpRequest, type HttpResponse } from '../../lib/http'
import { every } from '../every'
import { socketFolder } from '../temporary-folder'
import { parseResponses, serve } from './http-harness'
import { client, makeLoop, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
const code = (name: string) => expect.objectContaining({ code: name })

describe('requests that end otherwise', () => {
  test('LS-01 stream rejects as soon as the client leaves, though its source has nothing to say', async () => {
    const outcomes: unknown[] = []
    let closed = 0
    // Neither a generator nor in a hurry: next stays open until it is told to return.
    const silent = (): AsyncIterable<string> => ({
      [Symbol.asyncIterator]: () => {
        let sent = false
        let end: (result: IteratorResult<string>) => void = () => {}
        return {
          next: () => {
            if (sent) return new Promise((resolve) => (end = resolve))
            sent = true
            return Promise.resolve({ done: false, value: 'first' })
          },
          return: () => {
            closed++
            end({ done: true, value: undefined })
            return Promise.resolve({ done: true, value: undefined })
          },
        }
      },
    })
    await using s = await serve((_, res) => {
      res.stream(silent()).then(
        () => outcomes.push('sent'),
        (error: unknown) => outcomes.push(error),
      )
    })
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(GET)
    await readBytes(socket, 20)
    socket.resetAndDestroy()
    await until(() => outcomes.length === 1, 'the stream has failed')
    expect(outcomes).toEqual([code('ECONNRESET')])
    expect(closed).toBe(1)
    expect(s.errors).toEqual([])
  })

  test('LS-01 stream takes arrays and generators; one that throws before the first byte leaves a 500', async () => {
    await using s = await serve(async (req, res) => {
      if (req.path === '/array') return res.stream(['a', Buffer.from('b'), 'c'])
      return res.stream(
        (function* () {
          if (req.path === '/late') yield 'begun'
          throw new Error('planned')
        })(),
      )
    })
    expect(await (await fetch(`${s.url}/array`)).text()).toBe('abc')
    expect((await fetch(`${s.url}/early`)).status).toBe(500)
    await expect(fetch(`${s.url}/late`).then((response) => response.text())).rejects.toThrow()
    expect(s.errors).toHaveLength(2)
  })

  test('LS-01 an onAbort that throws is reported and keeps nobody else from hearing', async () => {
    const heard: unknown[] = []
    let under = 0
    await using s = await serve((req, res) => {
      under++
      req.signal.addEventListener('abort', () => heard.push('signal'))
      res.onAbort(() => {
        throw new Error('planned')
      })
      res.onAbort(() => heard.push('second'))
      req.bytes().catch((error: unknown) => heard.push(error))
    })
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\npart')
    await until(() => under === 1, 'the handler runs')
    socket.resetAndDestroy()
    await until(() => heard.length === 3, 'all have heard')
    expect(heard).toEqual(expect.arrayContaining(['signal', 'second', code('ECONNRESET')]))
    expect(s.errors).toEqual([expect.objectContaining({ message: 'planned' })])
  })

  test('LS-01 an async handler that fails after the head was sent cuts the connection and is reported once', async () => {
    await using s = await serve(async (_, res) => {
      res.write('begun')
      await pause(10)
      throw new Error('planned')
    })
    await expect(fetch(s.url).then((response) => response.text())).rejects.toThrow()
    expect(s.errors).toEqual([expect.objectContaining({ message: 'planned' })])
  })

  test('LS-01 a response is completed once: end, write, stream and headers after it fail', async () => {
    const thrown: unknown[] = []
    await using s = await serve((req, res) => {
      if (req.path === '/stream') res.write('o')
      res.end('k')
      for (const late of [
        () => res.end(),
        () => res.end('again'),
        () => res.write('more'),
        () => res.flushHeaders(),
        () => res.setHeader('X-Late', '1'),
        () => (res.status = 404),
      ]) {
        try {
          late()
        } catch (error) {
          thrown.push((error as { code: string }).code)
        }
      }
      res.destroy()
    })
    const expected = [...Array(4).fill('ERR_RESPONSE_DONE'), 'ERR_HEADERS_SENT', 'ERR_HEADERS_SENT']
    for (const [path, body] of [
      ['/', 'k'],
      ['/stream', 'ok'],
    ]) {
      thrown.length = 0
      expect(await (await fetch(s.url + path)).text()).toBe(body)
      expect(thrown).toEqual(expected)
    }
    expect(s.errors).toEqual([])
  })

  test('LS-01 requests to a unix socket are answered from its first moment', async () => {
    const loop = makeLoop()
    const path = join(socketFolder(), 's')
    const server = createServer({ loop }, (_, res) => res.end('early'))
    // File operations queue behind these, so that listen looks at the socket file late.
    let busy = true
    const occupy = (): void => pbkdf2('a', 'b', 20_000, 32, 'sha1', () => busy && occupy())
    for (let i = 0; i < 8; i++) occupy()
    const listening = server.listen({ path })
    const answers: string[] = []
    try {
      await until(() => existsSync(path), 'the socket is there')
      for (let i = 0; i < 2; i++) {
        const socket: Socket = createConnection(path)
        socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        answers.push(parseResponses((await readAll(socket)).toString())[0]?.body ?? 'none')
      }
    } finally {
      busy = false
    }
    await listening
    expect(answers).toEqual(['early', 'early'])
    await server.close({ drain: true })
  })

  test('LS-01 CONNECT is 501 and the end of the connection; Upgrade is ignored; odd expectations are 417', async () => {
    const seen: string[] = []
    await using s = await serve((req, res) => {
      seen.push(req.method)
      res.end('served')
    })
    const tunnel = await s.raw('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
    expect(parseResponses(tunnel)).toMatchObject([{ status: 501, headers: { connection: 'close' } }])
    const upgrade = await s.raw(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
    )
    expect(parseResponses(upgrade)).toMatchObject([{ status: 200, body: 'served' }])
    expect(parseResponses(upgrade)[0]?.headers).not.toHaveProperty('upgrade')
    const expectation = await s.raw('GET / HTTP/1.1\r\nHost: x\r\nExpect: the-moon\r\n\r\n')
    expect(parseResponses(expectation)).toMatchObject([{ status: 417, headers: { connection: 'close' } }])
    expect(seen).toEqual(['GET'])
  })
})

/** A client has to be quicker than this, on a machine that may stand still for a while. */
const REQUEST_MS = 1500

describe('time-outs and drains', () => {
  test('LS-05 requestTimeout is the time of the client: it rests while the handler does not want the body', async () => {
    await using s = await serve(
      async (req, res) => {
        await pause(REQUEST_MS + 200)
        res.end(await req.text())
      },
      { requestTimeout: REQUEST_MS },
    )
    const { port } = s.server
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n'
    const waiting = await client({ host: HOST, port })
    waiting.write(`${head}Expect: 100-continue\r\n\r\n`)
    expect(String(await readBytes(waiting, 25))).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    waiting.write('waited')
    expect(parseResponses(String(await readAll(waiting)))).toMatchObject([{ status: 200, body: 'waited' }])
    const begun = await client({ host: HOST, port })
    begun.write(`${head}\r\nbeg`)
    await pause(REQUEST_MS + 230)
    begun.write('un!')
    expect(parseResponses(String(await readAll(begun)))).toMatchObject([{ status: 200, body: 'begun!' }])
    const silent = await client({ host: HOST, port })
    silent.write(`${head}\r\nsil`)
    expect(parseResponses(String(await readAll(silent)))).toMatchObject([{ status: 408 }])
  })

  test('LS-05 requestTimeout goes on where it stopped: pauses of the handler give no new time', async () => {
    let over: unknown
    await using s = await serve(
      async (req, res) => {
        // Asks for one chunk, then for the next: between them the body rests.
        const chunks = req[Symbol.asyncIterator]()
        try {
          for (;;) {
            const next = await chunks.next()
            if (next.done) break
            await pause(10)
          }
          res.end('all')
        } catch (error) {
          over = error
          throw error
        }
      },
      { requestTimeout: REQUEST_MS },
    )
    const socket = await client({ host: HOST, port: s.server.port, noDelay: true })
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    using _ = every(20, () => socket.write('x'))
    await readAll(socket)
    await until(() => over !== undefined, 'the reader knows')
    expect(over).toEqual(code('ETIMEDOUT'))
  })

  test('LS-12 responseTimeout goes on working while the server drains', async () => {
    let under = 0
    await using s = await serve(() => void under++, { responseTimeout: 1500 })
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(GET)
    await until(() => under === 1, 'the handler runs')
    const answer = readAll(socket)
    await s.server.close({ drain: true })
    expect(parseResponses(String(await answer))).toMatchObject([
      { status: 503, headers: { connection: 'close' } },
    ])
  })

  test('LS-12 a drain after a close includes the connections the close left open', async () => {
    await using s = await serve((_, res) => res.end('ok'))
    const socket = await client({ host: HOST, port: s.server.port })
    socket.write(GET)
    await readBytes(socket, 15)
    await s.server.close()
    expect(s.server.connections).toBe(1)
    expect(s.server.addresses).toEqual([])
    const ended = readAll(socket)
    await s.server.close({ drain: true })
    await ended
    expect(s.server.connections).toBe(0)
    await s.server.close({ drain: true, timeout: 1 })
  })

  test('LS-12 drain while a client leaves, while a handler is stuck, and while the server begins to listen', async () => {
    const held: [HttpRequest, HttpResponse][] = []
    const reasons: unknown[] = []
    await using s = await serve((req, res) => {
      held.push([req, res])
      req.signal.addEventListener('abort', () => reasons.push(req.signal.reason))
    })
    const leaving = await client({ host: HOST, port: s.server.port })
    const staying = await client({ host: HOST, port: s.server.port })
    for (const socket of [leaving, staying]) socket.write(GET)
    await until(() => held.length === 2, 'both are being served')
    const drained = s.server.close({ drain: true, timeout: 1500 })
    leaving.resetAndDestroy()
    await drained
    // One client left, the other was given up: both handlers can tell, and what they still do is harmless.
    expect(reasons[0]).toEqual(code('ECONNRESET'))
    for (const [, response] of held) {
      expect(response.aborted).toBe(true)
      response.setHeader('X-Late', '1').end('late')
    }
    const begun = s.server.listen({ host: 'localhost', port: 0 })
    await s.server.close()
    await expect(begun).rejects.toEqual(code('ERR_CLOSED'))
    expect(s.server.addresses).toEqual([])
  })
})
