import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { HeddleError } from '../../lib/errors'
import { type Connection, listen } from '../../lib/net'
import { client, makeLoop, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'

describe('connections with callbacks', () => {
  test('LS-01 echoes the view under delivery byte for byte, in any slicing', async () => {
    const loop = makeLoop()
    await using listener = await listen({ loop, port: 0 }, { onData: (c, view) => void c.write(view) })
    const socket = await client({ host: HOST, port: listener.port })
    const sent = Buffer.alloc(300_000)
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 7 + (i >>> 8)) & 0xff
    const echoed = readBytes(socket, sent.length)
    for (let at = 0, step = 1; at < sent.length; at += step, step = (step * 3) % 40_009) {
      socket.write(sent.subarray(at, at + step))
      if (step > 20_000) await pause(0)
    }
    expect(Buffer.compare(await echoed, sent)).toBe(0)
    socket.destroy()
  })

  test("LS-01 runs the callbacks in order, once each, with the listener's object as this", async () => {
    const loop = makeLoop()
    const log: string[] = []
    const handlers = {
      name: 'mine',
      onConnection(): void {
        log.push(`connection ${this.name}`)
      },
      onData(_: Connection, view: Buffer): void {
        log.push(`data ${view.toString()}`)
      },
      onEnd(): void {
        log.push('end')
      },
      onClose(_: Connection, error: HeddleError | undefined): void {
        log.push(`close ${error?.code}`)
      },
    }
    await using listener = await listen({ loop, port: 0 }, handlers)
    const socket = await client({ host: HOST, port: listener.port })
    socket.end('hello')
    await once(socket, 'close')
    await until(() => log.length >= 4, 'the connection is closed')
    expect(log).toEqual(['connection mine', 'data hello', 'end', 'close undefined'])
    expect(listener.connections).toBe(0)
  })

  test('LS-01 a view is only lent: a kept copy stays, parts of it can be written', async () => {
    const loop = makeLoop()
    const kept: Buffer[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        onData(c, view) {
          kept.push(c.copy(view))
          c.write('<')
          c.write(view.subarray(1, 3))
          c.write(Buffer.from('>é'))
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('abcd')
    expect((await readBytes(socket, 6)).toString()).toBe('<bc>é')
    socket.write('wxyz')
    expect((await readBytes(socket, 6)).toString()).toBe('<xy>é')
    expect(kept.map(String)).toEqual(['abcd', 'wxyz'])
    socket.destroy()
  })

  test('LS-01 a small array is copied by write: its owner may reuse it', async () => {
    const loop = makeLoop()
    const block = Buffer.alloc(100)
    await using listener = await listen(
      { loop, port: 0 },
      {
        onConnection(c) {
          for (let i = 0; i < 50; i++) c.write(block.fill(i))
          c.end()
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    const all = await readAll(socket)
    expect(all.length).toBe(5000)
    for (let i = 0; i < 50; i++) expect(all.subarray(100 * i, 100 * i + 100).every((b) => b === i)).toBe(true)
  })

  test('LS-01 strings and blocks of every size arrive in order', async () => {
    const loop = makeLoop()
    const parts = ['a', 'é', 'x'.repeat(39), 'ü'.repeat(41), '\u{1f9f5}'.repeat(3000), 'y'.repeat(20_000), '']
    const blocks = [Buffer.alloc(16_383, 1), Buffer.alloc(16_384, 2), Buffer.alloc(400_000, 3)]
    await using listener = await listen(
      { loop, port: 0 },
      {
        onConnection(c) {
          for (const block of blocks) {
            for (const part of parts) c.write(part)
            c.write(block)
          }
          void c.close()
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    const text = Buffer.from(parts.join(''))
    const expected = Buffer.concat(blocks.flatMap((block) => [text, block]))
    expect(Buffer.compare(await readAll(socket), expected)).toBe(0)
  })

  test('LS-01 handlers can be replaced per connection', async () => {
    const loop = makeLoop()
    await using listener = await listen(
      { loop, port: 0 },
      {
        onData(c) {
          c.write('first')
          c.handlers = { onData: (d) => void d.write('later') }
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('1')
    expect((await readBytes(socket, 5)).toString()).toBe('first')
    socket.write('2')
    expect((await readBytes(socket, 5)).toString()).toBe('later')
    socket.destroy()
  })

  test("LS-12 allowHalfOpen: writes go on after the peer's FIN", async () => {
    const loop = makeLoop()
    await using listener = await listen(
      { loop, port: 0, allowHalfOpen: true },
      {
        onData: () => {},
        onEnd(c) {
          expect(c.ended).toBe(true)
          setTimeout(() => {
            c.write('after the end')
            void c.close()
          }, 30)
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port, allowHalfOpen: true })
    socket.end('question')
    expect((await readAll(socket)).toString()).toBe('after the end')
    socket.destroy()
  })

  test('LS-12 end half-closes: the peer sees FIN and can still send', async () => {
    const loop = makeLoop()
    const got: string[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        onConnection: (c) => c.end('bye'),
        onData: (_, view) => void got.push(view.toString()),
      },
    )
    const socket = await client({ host: HOST, port: listener.port, allowHalfOpen: true })
    expect((await readAll(socket)).toString()).toBe('bye')
    socket.end('still here')
    await until(() => got.join('') === 'still here', 'the late bytes are in')
    await until(() => listener.connections === 0, 'the connection is closed')
  })

  test('LS-01 write after end throws ERR_CLOSED, after the peer is gone it answers false', async () => {
    const loop = makeLoop()
    const connections: Connection[] = []
    await using listener = await listen(
      { loop, port: 0 },
      { onConnection: (c) => void connections.push(c), onData() {} },
    )
    const first = await client({ host: HOST, port: listener.port })
    await until(() => connections.length === 1, 'accepted')
    connections[0]?.end()
    expect(() => connections[0]?.write('x')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    first.destroy()
    const second = await client({ host: HOST, port: listener.port })
    await until(() => connections.length === 2, 'accepted')
    second.destroy()
    await until(() => connections[1]?.closed === true, 'closed')
    expect(connections[1]?.write('x')).toBe(false)
    await connections[1]?.close()
  })

  test('LS-12 a connection that closes by itself after FIN refuses late writes without an exception', async () => {
    const loop = makeLoop()
    const answers: boolean[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        onData() {},
        onEnd(c) {
          queueMicrotask(() => answers.push(c.write('late'), c.writable))
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.end('x')
    await until(() => answers.length === 2, 'written')
    expect(answers).toEqual([false, false])
  })

  test('LS-01 destroy resets the peer and reports no error', async () => {
    const loop = makeLoop()
    let closed: unknown = 'not yet'
    await using listener = await listen(
      { loop, port: 0 },
      {
        onData: (c) => c.destroy(),
        onClose(_, error) {
          closed = error
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('x')
    await until(() => socket.destroyed, 'the client is cut off')
    await until(() => closed !== 'not yet', 'onClose ran')
    expect(closed).toBeUndefined()
  })

  test('LS-01 a peer that resets is reported by onError, then onClose', async () => {
    const loop = makeLoop()
    const log: (string | undefined)[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        onData: () => {},
        onError: (_, error) => void log.push(`error ${error.code}`),
        onClose: (_, error) => void log.push(`close ${error?.code}`),
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('x')
    await until(() => listener.connections === 1, 'accepted')
    socket.resetAndDestroy()
    await until(() => log.length === 2, 'the connection is closed')
    expect(log).toEqual(['error ECONNRESET', 'close ECONNRESET'])
  })

  test('LS-10 a peer that never reads: write answers false, onDrain follows when it reads', async () => {
    const loop = makeLoop()
    let blocked = 0
    let drained = 0
    let total = 0
    const chunk = Buffer.alloc(10_000, 7)
    const fill = (c: Connection): void => {
      while (total < 8_000_000) {
        total += chunk.length
        if (!c.write(chunk)) {
          blocked++
          return
        }
      }
      void c.close()
    }
    await using listener = await listen(
      { loop, port: 0, highWaterBytes: 65_536 },
      {
        onConnection: fill,
        onDrain(c) {
          drained++
          fill(c)
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.pause()
    // Nothing has moved between two looks, of which the first saw the connection blocked.
    let before = -1
    while (total !== before || blocked !== drained + 1) {
      before = total
      await pause(100)
    }
    expect(total).toBeLessThan(8_000_000)
    expect(blocked).toBe(drained + 1)
    const received = await readAll(socket)
    expect(received.length).toBe(8_000_000)
    expect(blocked).toBe(drained)
  })

  test('LS-10 output above maxWriteBufferBytes cuts the connection off', async () => {
    const loop = makeLoop()
    let code: string | undefined
    await using listener = await listen(
      { loop, port: 0, maxWriteBufferBytes: 1_000_000 },
      {
        onConnection(c) {
          const more = (): void => {
            if (c.closed) return
            c.write(Buffer.alloc(500_000))
            setTimeout(more, 1)
          }
          more()
        },
        onClose(_, error) {
          code = error?.code
        },
        onData() {},
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.pause()
    await until(() => code !== undefined, 'the connection is cut off')
    expect(code).toBe('ERR_WRITE_OVERFLOW')
    socket.destroy()
  })

  test('LS-10 pause holds the input back, resume delivers all of it', async () => {
    const loop = makeLoop()
    let got = 0
    const held: Connection[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        onConnection(c) {
          held.push(c)
          c.pause()
        },
        onData: (_, view) => {
          got += view.length
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.end(Buffer.alloc(1_000_000))
    await until(() => held.length === 1, 'accepted')
    await pause(100)
    expect(got).toBe(0)
    held[0]?.resume()
    await until(() => got === 1_000_000, 'everything is delivered')
    await until(() => listener.connections === 0, 'the connection is closed')
  })

  test('LS-01 an exception in onData is an uncaught one and loses nothing else', async () => {
    const loop = makeLoop()
    const seen: unknown[] = []
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => void seen.push(error))
    try {
      await using listener = await listen(
        { loop, port: 0 },
        {
          onData(c, view) {
            if (view[0] === 33) throw new Error('planned')
            c.write(view)
          },
        },
      )
      const bad = await client({ host: HOST, port: listener.port })
      const good = await client({ host: HOST, port: listener.port })
      bad.write('!')
      good.write('fine')
      expect((await readBytes(good, 4)).toString()).toBe('fine')
      await until(() => seen.length === 1, 'the exception is reported')
      bad.write('again')
      expect((await readBytes(bad, 5)).toString()).toBe('again')
      expect(seen).toEqual([expect.objectContaining({ message: 'planned' })])
      bad.destroy()
      good.destroy()
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of before) process.on('uncaughtException', listener)
    }
  })
})
