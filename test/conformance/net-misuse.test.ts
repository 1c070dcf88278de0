import { describe, expect, test } from 'vitest'
import { type Connection, connect, listen, Listeners } from '../../lib/net'
import { client, collectUncaught, makeLoop, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })

describe('arguments and callbacks that are wrong', () => {
  test('LS-01 write takes strings and Uint8Arrays; anything else is ERR_INVALID_ARGUMENT and writes nothing', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen({ loop, port: 0 }, { onConnection: (c) => void open.push(c) })
    const socket = await client({ host: HOST, port: listener.port })
    await until(() => open.length === 1, 'accepted')
    const connection = open[0] as Connection
    const wrong = [
      42,
      null,
      undefined,
      {},
      [1, 2],
      new ArrayBuffer(4),
      new Uint16Array(2),
      new DataView(new ArrayBuffer(4)),
    ]
    for (const value of wrong) {
      expect(() => connection.write(value as unknown as string)).toThrow(invalid)
      await expect(connection.writeAll(value as unknown as string)).rejects.toEqual(invalid)
    }
    expect(connection.write('fine')).toBe(true)
    expect(() => connection.end(7 as unknown as string)).toThrow(invalid)
    connection.end()
    expect(String(await readAll(socket))).toBe('fine')
    connection.destroy()
  })

  test('LS-01 time-outs that are no times are ERR_INVALID_ARGUMENT; very long ones simply wait', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen({ loop, port: 0 }, { onConnection: (c) => void open.push(c) })
    for (const timeout of [-1, NaN, '5' as unknown as number]) {
      await expect(connect({ loop, host: HOST, port: listener.port, timeout })).rejects.toEqual(invalid)
    }
    const socket = await client({ host: HOST, port: listener.port })
    await until(() => open.length === 1, 'accepted')
    const connection = open[0] as Connection
    for (const timeout of [-1, NaN]) {
      await expect(connection.read({ timeout })).rejects.toEqual(invalid)
      await expect(connection.readUntil('\n', { timeout })).rejects.toEqual(invalid)
      expect(() => connection.setIdleTimeout(timeout)).toThrow(invalid)
    }
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    const read = connection.read({ timeout: 2 ** 40 })
    await pause(20)
    socket.write('x')
    expect(String(await read)).toBe('x')
    await pause(1)
    process.off('warning', warned)
    expect(warnings).toEqual([])
    for (const each of open) each.destroy()
  })

  test('LS-10 0 is no limit: highWaterBytes, readBufferBytes', async () => {
    const loop = makeLoop()
    const open: Connection[] = []
    const unlimited = { highWaterBytes: 0, readBufferBytes: 0, maxWriteBufferBytes: 0 }
    await using listener = await listen(
      { loop, port: 0, ...unlimited },
      { onConnection: (c) => void open.push(c) },
    )
    const socket = await client({ host: HOST, port: listener.port })
    await until(() => open.length === 1, 'accepted')
    const connection = open[0] as Connection
    for (let i = 0; i < 40; i++) expect(connection.write(Buffer.alloc(10_000))).toBe(true)
    expect(connection.write('x'.repeat(1_000_000))).toBe(true)
    expect((await readBytes(socket, 1_400_000)).length).toBe(1_400_000)
    socket.write(Buffer.alloc(1_000_000))
    await until(() => connection.buffered === 1_000_000, 'all input is held')
    connection.destroy()
  })

  test('LS-01 an onConnection that throws is uncaught, ends its connection, and keeps nobody waiting', async () => {
    using uncaught = collectUncaught()
    const loop = makeLoop()
    await using listener = await listen({ loop, port: 0 })
    const connection = await connect(
      { loop, host: HOST, port: listener.port, timeout: 60_000 },
      {
        onConnection() {
          throw new Error('planned')
        },
      },
    )
    await connection.close()
    expect(uncaught.errors).toEqual([expect.objectContaining({ message: 'planned' })])
  })

  test("LS-11 a 'connection' listener that throws does not keep the connection from being served", async () => {
    using uncaught = collectUncaught()
    const loop = makeLoop()
    const served = { onConnection: (c: Connection) => void c.write('served'), onData() {} }
    await using listener = await listen({ loop, port: 0 }, served)
    listener.on('connection', () => {
      throw new Error('planned')
    })
    const socket = await client({ host: HOST, port: listener.port })
    expect(String(await readBytes(socket, 6))).toBe('served')
    expect(uncaught.errors).toEqual([expect.objectContaining({ message: 'planned' })])
    socket.destroy()
  })

  test('LS-01 what onData throws for input that was held is uncaught, not thrown by resume', async () => {
    using uncaught = collectUncaught()
    const loop = makeLoop()
    const open: Connection[] = []
    await using listener = await listen({ loop, port: 0 }, { onConnection: (c) => void open.push(c) })
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('held')
    await until(() => open[0]?.buffered === 4, 'the input is held')
    const connection = open[0] as Connection
    connection.pause()
    connection.handlers = {
      onData() {
        throw new Error('planned')
      },
    }
    connection.resume()
    await until(() => uncaught.errors.length === 1, 'the exception is reported')
    expect(uncaught.errors).toEqual([expect.objectContaining({ message: 'planned' })])
    connection.destroy()
  })

  test('LS-06 a permit that throws refuses; the context of a connection is its user’s', async () => {
    using uncaught = collectUncaught()
    const loop = makeLoop()
    await using listeners = new Listeners(loop)
    listeners.on('connection', ({ connection }) => {
      connection.context = Buffer.from('mine')
    })
    const report = { onData: (c: Connection) => void c.write(String(c.context)) }
    listeners.delegate('multi', 0x45434830, report)
    listeners.delegate('multi', 0x4e4f4e45, report, {
      permit() {
        throw new Error('planned')
      },
    })
    const listener = await listeners.listen({ type: 'multi', address: HOST, port: 0 })
    const refused = await client({ host: HOST, port: listener.port })
    refused.write('NONE')
    // Were the connection still open, this would be taken for a code.
    expect((await readAll(refused)).length).toBe(0)
    expect(uncaught.errors).toEqual([expect.objectContaining({ message: 'planned' })])
    const slow = await client({ host: HOST, port: listener.port, noDelay: true })
    for (const byte of 'ECH0x') {
      slow.write(byte)
      await pause(3)
    }
    expect(String(await readBytes(slow, 4))).toBe('mine')
    slow.destroy()
  })

  test('LS-02 a host name that does not resolve is a HeddleError; time-out and signal cover the look-up', async () => {
    const loop = makeLoop()
    const failed = { name: 'HeddleError', syscall: 'getaddrinfo' }
    await expect(connect({ loop, host: 'no-such-host.invalid', port: 1 })).rejects.toMatchObject(failed)
    await expect(listen({ loop, host: 'no-such-host.invalid', port: 0 })).rejects.toMatchObject(failed)
    const controller = new AbortController()
    const attempt = connect({ loop, host: 'no-such-host.invalid', port: 1, signal: controller.signal })
    controller.abort('changed my mind')
    await expect(attempt).rejects.toBe('changed my mind')
  })
})
