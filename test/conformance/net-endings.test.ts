import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type Connection, connect, listen } from '../../lib/net'
import { client, makeLoop, pause, readAll, until } from './net-harness'

const HOST = '127.0.0.1'
const closed = expect.objectContaining({ code: 'ERR_CLOSED' })

describe('what still works on a connection that ends', () => {
  test("LS-12 writeAll and drained reject once the peer's FIN has closed the connection", async () => {
    const loop = makeLoop()
    const outcomes: unknown[] = []
    await using listener = await listen(
      { loop, port: 0 },
      {
        onData() {},
        onEnd(c) {
          // Only afterwards does the connection close by itself.
          queueMicrotask(() => {
            for (const wait of [c.writeAll('late'), c.drained()])
              wait.then(
                () => outcomes.push('kept'),
                (error: unknown) => outcomes.push(error),
              )
          })
        },
      },
    )
    const socket = await client({ host: HOST, port: listener.port })
    socket.end('x')
    await until(() => outcomes.length === 2, 'both are settled')
    expect(outcomes).toEqual([closed, closed])
  })

  test('LS-01 after destroy or close nothing more is delivered, not even from the same batch', async () => {
    for (const how of ['destroy', 'close'] as const) {
      const loop = makeLoop()
      const open: Connection[] = []
      const heard: string[] = []
      await using listener = await listen(
        { loop, port: 0 },
        {
          onConnection: (c) => void open.push(c),
          onData(c) {
            heard.push(`data ${open.indexOf(c)}`)
            // All are readable in this pass: the first to be heard ends every one of them.
            for (const each of open) void each[how]()
          },
          onEnd: (c) => void heard.push(`end ${open.indexOf(c)}`),
        },
      )
      const sockets = [1, 2, 3].map(() => client({ host: HOST, port: listener.port }))
      for (const socket of await Promise.all(sockets)) socket.on('end', () => {})
      await until(() => open.length === 3, 'all are accepted')
      for (const socket of await Promise.all(sockets)) socket.write('x')
      await until(() => listener.connections === 0, 'all are gone')
      expect(heard).toHaveLength(1)
    }
  })

  test('LS-01 reads after close: what had come is there, then the end; a waiting read ends', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen({ loop, port: 0 }, { onConnection: (c) => void open.push(c) })
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('abc')
    await until(() => open[0]?.buffered === 3, 'the bytes are there')
    const connection = open[0] as Connection
    const waiting = connection.readExact(10).catch((error: unknown) => error)
    await connection.close()
    expect(await waiting).toMatchObject({ code: 'ERR_END_OF_STREAM' })
    expect(String(await connection.read())).toBe('abc')
    expect(await connection.read()).toBe(null)
    await expect(connection.readUntil('\n')).rejects.toMatchObject({ code: 'ERR_END_OF_STREAM' })
    const rest: Buffer[] = []
    for await (const chunk of connection) rest.push(chunk)
    expect(rest).toEqual([])
  })

  test('LS-01 leaving for-await early leaves the connection open and the rest readable', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen({ loop, port: 0 }, { onConnection: (c) => void open.push(c) })
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('one')
    await until(() => open[0]?.buffered === 3, 'the first part is there')
    for await (const chunk of open[0] as Connection) {
      expect(String(chunk)).toBe('one')
      break
    }
    socket.end('two')
    expect(String(await open[0]?.readExact(3))).toBe('two')
    await open[0]?.close()
  })

  test('LS-01 end, close and destroy may be called again and in any order; each close resolves', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    let closes = 0
    await using listener = await listen(
      { loop, port: 0 },
      { onConnection: (c) => void open.push(c), onClose: () => void closes++ },
    )
    const socket = await client({ host: HOST, port: listener.port })
    await until(() => open.length === 1, 'accepted')
    const connection = open[0] as Connection
    connection.end('bye')
    connection.end()
    const first = connection.close()
    const second = connection.close()
    connection.destroy()
    connection.destroy()
    await Promise.all([first, second])
    await connection.close()
    connection.end()
    connection.destroy()
    connection.pause()
    connection.resume()
    connection.setIdleTimeout(5)
    await pause(20)
    expect(closes).toBe(1)
    socket.destroy()
  })

  test('LS-09 a closed connection never speaks for the one that took its place', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen(
      { loop, port: 0 },
      { onConnection: (c) => void open.push(c), onData() {} },
    )
    const cycle = async (): Promise<Connection> => {
      const before = open.length
      const socket = await client({ host: HOST, port: listener.port })
      await until(() => open.length > before, 'accepted')
      const connection = open[before] as Connection
      socket.destroy()
      await until(() => connection.closed, 'closed')
      return connection
    }
    // Handles carry a generation of few bits: after so many more the number is the same again.
    const old = await cycle()
    let socket: Socket | undefined
    while (socket === undefined && open.length < 600) {
      const before = open.length
      const next = await client({ host: HOST, port: listener.port })
      await until(() => open.length > before, 'accepted')
      if (open[before]?.handle === old.handle) socket = next
      else next.destroy()
      await until(() => socket !== undefined || open[before]?.closed === true, 'closed')
    }
    expect(socket, 'a handle came a second time').toBeDefined()
    const present = open.at(-1) as Connection
    expect(old.remote).toBe(undefined)
    expect(old.local).toBe(undefined)
    expect(old.pending).toBe(0)
    expect(() => old.fd).toThrow(expect.objectContaining({ code: 'EBADF' }))
    old.setIdleTimeout(1)
    await pause(60)
    expect(present.closed).toBe(false)
    socket?.destroy()
  })

  test('LS-10 pause and resume do not undo the limit on unread input', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen(
      { loop, port: 0, readBufferBytes: 10_000 },
      { onConnection: (c) => void open.push(c) },
    )
    const socket = await client({ host: HOST, port: listener.port })
    const sent = 20_000_000
    socket.write(Buffer.alloc(sent))
    await until(() => (open[0]?.buffered ?? 0) >= 10_000, 'reading pauses')
    const connection = open[0] as Connection
    connection.pause()
    connection.resume()
    await pause(150)
    expect(connection.buffered).toBeLessThan(1_000_000)
    connection.pause()
    const before = connection.buffered
    await connection.read()
    await pause(100)
    // Reading made room, but the user still holds the input back.
    expect(connection.buffered).toBeLessThanOrEqual(before)
    connection.resume()
    for (let got = 0; got < sent / 2; ) got += ((await connection.read({ timeout: 60_000 })) as Buffer).length
    connection.destroy()
  })

  test('LS-01 an aborted or timed-out wait leaves no listener on its signal', async () => {
    const loop = makeLoop()
    await using listener = await listen({ loop, port: 0 })
    const controller = new AbortController()
    const { signal } = controller
    let added = 0
    const count = (method: 'addEventListener' | 'removeEventListener', by: number): void => {
      const original = signal[method].bind(signal) as (...args: unknown[]) => void
      Object.assign(signal, {
        [method]: (...args: unknown[]) => {
          added += by
          original(...args)
        },
      })
    }
    count('addEventListener', 1)
    count('removeEventListener', -1)
    const connection = await connect({ loop, host: HOST, port: listener.port, signal })
    await expect(connection.read({ timeout: 10, signal })).rejects.toMatchObject({ code: 'ETIME' })
    expect(added).toBe(0)
    const read = connection.read({ signal })
    controller.abort(new Error('enough'))
    await expect(read).rejects.toThrow('enough')
    await expect(connection.read({ signal })).rejects.toThrow('enough')
    await expect(connection.writeAll('never sent', { signal })).rejects.toThrow('enough')
    expect(added).toBe(0)
    connection.destroy()
  })

  test('LS-12 drain ends while its connections are being closed by others', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    const listener = await listen({ loop, port: 0 }, { onConnection: (c) => void open.push(c) })
    const socket = await client({ host: HOST, port: listener.port })
    await until(() => open.length === 1, 'accepted')
    const drains = [listener.close({ drain: true }), listener.close({ drain: true, timeout: 60_000 })]
    open[0]?.destroy()
    await Promise.all(drains)
    await readAll(socket)
    if (!socket.closed) await once(socket, 'close')
    await expect(listener.close({ drain: true, timeout: -1 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })
})
