import { describe, expect, test } from 'vitest'
import { type Connection, connect, listen } from '../../lib/net'
import { client, makeLoop, OWN_HOST, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'

describe('connections in the async style', () => {
  test('LS-01 for await echoes until FIN; the connection ends with its handler', async () => {
    const loop = makeLoop()
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          for await (const chunk of c) await c.writeAll(chunk)
          await c.writeAll('over')
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port, allowHalfOpen: true })
    const sent = Buffer.alloc(500_000, 'q')
    socket.end(sent)
    const got = await readAll(socket)
    expect(got.length).toBe(500_004)
    expect(got.subarray(500_000).toString()).toBe('over')
    await until(() => listener.connections === 0, 'the connection is closed')
  })

  test('LS-01 read, readExact and readUntil share one stream without losing a byte', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          seen.push((await c.readUntil('\r\n')).toString())
          seen.push((await c.readExact(4)).toString())
          seen.push((await c.readExact(0)).length)
          seen.push((await c.readUntil(Buffer.from('::'))).toString())
          let rest = ''
          for (let chunk = await c.read(); chunk !== null; chunk = await c.read()) rest += chunk.toString()
          seen.push(rest, await c.read())
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port, noDelay: true })
    for (const byte of 'line one\r\n4444a:b::the rest') {
      socket.write(byte)
      if (byte === ':' || byte === '\r') await pause(5)
    }
    socket.end()
    await until(() => seen.length === 6, 'all is read')
    expect(seen).toEqual(['line one\r\n', '4444', 0, 'a:b::', 'the rest', null])
  })

  test('LS-01 a read that times out fails with ETIME, takes nothing, and the connection goes on', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          const start = performance.now()
          seen.push(await c.readExact(10, { timeout: 60 }).catch((error: { code: string }) => error.code))
          seen.push(performance.now() - start >= 60)
          c.write('more')
          seen.push((await c.readExact(10, { timeout: 60_000 })).toString())
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('01234')
    await readBytes(socket, 4)
    socket.write('56789')
    await until(() => seen.length === 3, 'all is read')
    expect(seen).toEqual(['ETIME', true, '0123456789'])
  })

  test('LS-01 an aborted read rejects with the reason; the connection goes on', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          const controller = new AbortController()
          setTimeout(() => controller.abort('enough'), 20)
          seen.push(await c.read({ signal: controller.signal }).catch((reason) => reason))
          seen.push(await c.read({ signal: AbortSignal.abort('before') }).catch((reason) => reason))
          c.write('go')
          seen.push((await c.read())?.toString())
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    await readBytes(socket, 2)
    socket.write('late')
    await until(() => seen.length === 3, 'all is read')
    expect(seen).toEqual(['enough', 'before', 'late'])
  })

  test('LS-01 one read at a time: the second is EBUSY', async () => {
    const loop = makeLoop()
    let code: unknown
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          const first = c.read()
          code = await c.read().catch((error: { code: string }) => error.code)
          await first
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('x')
    await until(() => code !== undefined, 'the second read fails')
    expect(code).toBe('EBUSY')
    socket.end()
  })

  test('LS-01 limits and early ends: ERR_READ_LIMIT keeps the bytes, ERR_END_OF_STREAM says what is missing', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    const codeOf = (error: { code: string }) => error.code
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          seen.push(await c.readUntil('\n', { max: 8 }).catch(codeOf))
          seen.push((await c.readExact(10)).toString())
          seen.push(await c.readUntil('\n').catch(codeOf))
          seen.push(await c.readExact(100).catch(codeOf))
          seen.push((await c.read())?.toString())
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.end('0123456789tail')
    await until(() => seen.length === 5, 'all is read')
    expect(seen).toEqual(['ERR_READ_LIMIT', '0123456789', 'ERR_END_OF_STREAM', 'ERR_END_OF_STREAM', 'tail'])
  })

  test('LS-10 input nobody reads is bounded and pushes the peer back; reading it all loses nothing', async () => {
    const loop = makeLoop()
    const connections: Connection[] = []
    await using listener = await listen(
      { loop, port: 0, readBufferBytes: 100_000 },
      { onConnection: (c) => void connections.push(c) },
    )
    const socket = await client({ host: HOST, port: listener.port })
    const part = Buffer.alloc(1_000_000, 5)
    for (let i = 0; i < 30; i++) socket.write(part)
    socket.end()
    await until(() => connections.length === 1, 'accepted')
    await pause(150)
    const [c] = connections as [Connection]
    expect(c.buffered).toBeLessThan(400_000)
    expect(socket.writableLength).toBeGreaterThan(10_000_000)
    let size = (await c.readExact(2_500_000)).length
    for await (const chunk of c) size += chunk.length
    expect(size).toBe(30_000_000)
    await c.close()
  })

  test('LS-10 writeAll waits for a slow peer; ETIME leaves the connection usable', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          const big = Buffer.alloc(20_000_000, 1)
          seen.push(await c.writeAll(big, { timeout: 50 }).catch((error: { code: string }) => error.code))
          c.write('end')
          await c.drained()
          seen.push('drained')
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.pause()
    await until(() => seen.length === 1, 'the write times out')
    expect((await readAll(socket)).length).toBe(20_000_003)
    expect(seen).toEqual(['ETIME', 'drained'])
  })

  test('LS-01 a peer that resets fails the reader after the last byte and any writer', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        async onConnection(c) {
          seen.push((await c.readExact(3)).toString())
          seen.push(await c.readExact(3).catch((error: { code: string }) => error.code))
          seen.push(await c.drained().catch((error: { code: string }) => error.code))
          await c.read()
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('abc')
    await until(() => seen.length === 1, 'the first read')
    socket.resetAndDestroy()
    await until(() => seen.length === 3, 'both know')
    expect(seen).toEqual(['abc', 'ECONNRESET', 'ECONNRESET'])
  })
})

describe('connect', () => {
  test('LS-01 a Heddle client talks to a Heddle server, over TCP and unix sockets', async () => {
    const loop = makeLoop()
    await using listener = await listen({ loop, port: 0 }, { onData: (c, view) => void c.write(view) })
    for (const host of [HOST, 'localhost']) {
      const c = await connect({ loop, host, port: listener.port, timeout: 60_000 })
      expect(c.remote?.port).toBe(listener.port)
      await c.writeAll('ping')
      expect((await c.readExact(4)).toString()).toBe('ping')
      c.end()
      expect(await c.read()).toBeNull()
      await c.close()
      expect(c.closed).toBe(true)
    }
  })

  test('LS-01 connect reports refusal, abort and time-out, and leaves nothing behind', async () => {
    const loop = makeLoop()
    const probe = await listen({ loop, host: OWN_HOST, port: 0 })
    const port = probe.port
    await probe.close()
    await expect(connect({ loop, host: OWN_HOST, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(connect({ loop, host: OWN_HOST, port, signal: AbortSignal.abort('no') })).rejects.toBe('no')
    await expect(connect({ loop, path: '/nonexistent/heddle.sock' })).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  test('LS-01 callbacks work on both ends', async () => {
    const loop = makeLoop()
    const log: string[] = []
    await using listener = await listen({ loop, port: 0 }, { onData: (c, view) => void c.write(view) })
    const c = await connect(
      { loop, host: HOST, port: listener.port },
      {
        onConnection: () => void log.push('open'),
        onData(d, view) {
          log.push(view.toString())
          void d.close()
        },
        onClose: (_, error) => void log.push(`close ${error?.code}`),
      },
    )
    c.write('hi')
    await until(() => log.length === 3, 'closed')
    expect(log).toEqual(['open', 'hi', 'close undefined'])
  })
})
