import { describe, expect, test } from 'vitest'
import { createServer, HttpError } from '../../lib/http'
import { parseResponses, serve } from './http-harness'
import { client, makeLoop, readBytes } from './net-harness'

const invalid = (code: string) => expect.objectContaining({ code })

describe('handlers that are wrong', () => {
  test('LS-01 bodies are strings or bytes: anything else is ERR_INVALID_ARGUMENT and sends nothing', async () => {
    const wrong: unknown[] = [42, null, true, {}, ['x'], new ArrayBuffer(3), new Uint16Array(3)]
    await using s = await serve((req, res) => {
      const { searchParams } = new URL(req.url, 'http://x')
      const value = wrong[Number(searchParams.get('n'))] as string
      if (req.path === '/end') res.end(value)
      else if (req.path === '/write') res.write(value)
      else res.write('begun') && res.end(value)
    })
    for (const n of wrong.keys()) {
      for (const path of ['end', 'write']) {
        const response = await fetch(`${s.url}/${path}?n=${n}`)
        expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error\n'])
      }
      await expect(fetch(`${s.url}/later?n=${n}`).then((response) => response.text())).rejects.toThrow()
    }
    expect(s.errors).toHaveLength(3 * wrong.length)
    for (const error of s.errors) expect(error).toEqual(invalid('ERR_INVALID_ARGUMENT'))
  })

  test('LS-01 a header value that is refused leaves the headers as they were', async () => {
    const thrown: unknown[] = []
    await using s = await serve((_, res) => {
      res.setHeader('X-Kept', 'old')
      const wrong: unknown[] = [
        ['fine', 'not\nfine'],
        ['fine', 7],
        undefined,
        null,
        true,
        { a: 1 },
        Symbol.iterator,
      ]
      for (const value of wrong) {
        try {
          res.setHeader('X-Kept', value as string)
        } catch (error) {
          thrown.push(error)
        }
      }
      for (const name of ['', 'X-Kept:', 'X Kept', 'X-Kept\r\nX-New', 'Transfer-Encoding', 'Trailer']) {
        try {
          res.setHeader(name, 'x')
        } catch (error) {
          thrown.push(error)
        }
      }
      for (const value of ['a\r\nX-New: 1', 'a\rb', 'a\0b', 'a\u0100b', 'a\x7fb']) {
        try {
          res.appendHeader('X-Kept', value)
        } catch (error) {
          thrown.push(error)
        }
      }
      expect(res.headerEntries()).toEqual([['X-Kept', 'old']])
      res.end('ok')
    })
    const response = await fetch(s.url)
    expect([response.headers.get('x-kept'), response.headers.get('x-new')]).toEqual(['old', null])
    expect(thrown).toHaveLength(7 + 6 + 5)
    for (const error of thrown) expect(error).toEqual(invalid('ERR_INVALID_HEADER'))
    expect(s.errors).toEqual([])
  })

  test('LS-10 headers of more than 32,000 bytes are ERR_INVALID_HEADER; below that they arrive beside any body', async () => {
    await using s = await serve((req, res) => {
      const bytes = Number(req.query.get('bytes'))
      const part = 'v'.repeat(1000)
      for (let i = 0; i < bytes / 1000; i++) res.appendHeader(`X-${String(i).padStart(3, '0')}`, part)
      if (bytes > 100_000) res.setHeader('X-Whole', 'v'.repeat(bytes))
      res.end('\u20ac'.repeat(16_383))
    })
    const ask = async (bytes: number) => {
      const socket = await client({ host: '127.0.0.1', port: s.server.port })
      socket.write(`GET /?bytes=${bytes} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      const chunks: Buffer[] = []
      for await (const chunk of socket) chunks.push(chunk as Buffer)
      return parseResponses(Buffer.concat(chunks).toString('latin1'))[0]
    }
    const large = await ask(31_000)
    expect(large?.status).toBe(200)
    expect(large?.headers['x-030']).toBe('v'.repeat(1000))
    expect(Buffer.from(large?.body ?? '', 'latin1').toString()).toBe('\u20ac'.repeat(16_383))
    for (const bytes of [33_000, 300_000]) expect((await ask(bytes))?.status).toBe(500)
    expect(s.errors).toEqual([invalid('ERR_INVALID_HEADER'), invalid('ERR_INVALID_HEADER')])
  })

  test('LS-01 an HttpError whose status cannot be the client’s fault is a 500 and reported', async () => {
    await using s = await serve((req) => {
      throw new HttpError(Number(req.path.slice(1)), 'X')
    })
    for (const status of [400, 404, 429, 499]) {
      expect((await fetch(`${s.url}/${status}`)).status).toBe(status)
    }
    expect(s.errors).toEqual([])
    for (const status of [42, 100, 199, 500, 503, 1000, 'NaN', 404.5]) {
      expect((await fetch(`${s.url}/${status}`)).status).toBe(500)
    }
    expect(s.errors).toHaveLength(8)
  })

  test('LS-10 highWaterBytes 0: write never says that it is too much', async () => {
    const answers: boolean[] = []
    await using s = await serve(
      (_, res) => {
        for (let i = 0; i < 20; i++) answers.push(res.write('x'.repeat(15_000)))
        res.end()
      },
      { highWaterBytes: 0 },
    )
    expect((await (await fetch(s.url)).text()).length).toBe(300_000)
    expect(answers).toEqual(Array(20).fill(true))
  })

  test('LS-10 limits of the head cannot be switched off; times and limits are checked when they are given', async () => {
    const loop = makeLoop()
    for (const options of [
      { maxHeadBytes: 0 },
      { maxHeaders: 0 },
      { maxPipelined: 0 },
      { maxConnections: -1 },
      { responseTimeout: 1.5 },
    ]) {
      expect(() => createServer({ loop, ...options })).toThrow(invalid('ERR_INVALID_ARGUMENT'))
    }
    await using s = await serve((_, res) => res.end('ok'))
    for (const timeout of [-1, NaN]) {
      await expect(s.server.close({ drain: true, timeout })).rejects.toEqual(invalid('ERR_INVALID_ARGUMENT'))
    }
    const socket = await client({ host: '127.0.0.1', port: s.server.port })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(String(await readBytes(socket, 15))).toBe('HTTP/1.1 200 OK')
  })
})
