import { statSync, writeFileSync } from 'node:fs'
import { connect as nodeConnect, createServer as nodeServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type Connection, Listeners, listen } from '../../lib/net'
import { every } from '../every'
import { hasIPv6 } from '../loopback'
import { temporaryFolder } from '../temporary-folder'
import { client, makeLoop, OWN_HOST, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
/** So long that a machine that stands still for a while does not make the busy look silent. */
const IDLE_MS = 1500
const directory = temporaryFolder()

const echo = { onData: (c: Connection, view: Buffer) => void c.write(view) }

async function expectEcho(options: { host?: string; port?: number; path?: string }): Promise<void> {
  const socket = await client(options as never)
  socket.write('hello')
  expect((await readBytes(socket, 5)).toString()).toBe('hello')
  socket.destroy()
}

describe('listeners', () => {
  test('LS-01 LS-02 A-LS-1 an unknown type fails alone; port 0 is refused in configuration, works in programs', async () => {
    const loop = makeLoop()
    await using listeners = new Listeners(loop)
    listeners.register('echo', echo)
    const reported: string[] = []
    listeners.on('error', (error) => reported.push((error as { code?: string }).code ?? ''))
    const free = await listeners.listen({ type: 'echo', address: OWN_HOST, port: 0 })
    const port = free.port
    expect(port).toBeGreaterThan(0)
    await free.close()
    const result = await listeners.listenAll([
      { type: 'nobody', address: OWN_HOST, port: port + 1 },
      { type: 'echo', address: OWN_HOST, port: 0 },
      { type: 'echo', address: OWN_HOST, port: 70_000 },
      { type: 'echo', address: OWN_HOST, port, skip: true },
      { type: 'echo', address: OWN_HOST, port, requireEnv: 'HEDDLE_SURELY_NOT_SET' },
      { type: 'echo', address: OWN_HOST, port },
    ])
    expect(result.errors.map(({ error }) => (error as { code?: string }).code)).toEqual([
      'ENOENT',
      'EINVAL',
      'ERR_INVALID_ARGUMENT',
    ])
    expect(reported).toEqual(['ENOENT', 'EINVAL', 'ERR_INVALID_ARGUMENT'])
    expect([result.skipped.length, result.listeners.length]).toEqual([2, 1])
    await expectEcho({ host: OWN_HOST, port })
    expect(() => listeners.register('echo', {})).toThrow(expect.objectContaining({ code: 'ERR_NAME_TAKEN' }))
  })

  test('LS-02 A-LS-1 every spelling of an address', async () => {
    const loop = makeLoop()
    const matrix: [string, string, string][] = [
      ['127.0.0.1', 'IPv4', '127.0.0.1'],
      ['inet:127.0.0.1', 'IPv4', '127.0.0.1'],
      ['::1', 'IPv6', '::1'],
      ['[::1]', 'IPv6', '::1'],
      ['inet6:::1', 'IPv6', '::1'],
    ]
    for (const [address, family, actual] of matrix) {
      if (family === 'IPv6' && !hasIPv6) {
        await expect(listen({ loop, address, port: 0 }, echo)).rejects.toMatchObject({ syscall: 'bind' })
        continue
      }
      const listener = await listen({ loop, address, port: 0 }, echo)
      expect(listener.address).toEqual({ family, address: actual, port: listener.port })
      await expectEcho({ host: actual, port: listener.port })
      await listener.close()
    }
    await expect(listen({ loop, port: -1 }, echo)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(listen({ loop, host: '192.0.2.1', port: 0 }, echo)).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    })
  })

  test('LS-02 a taken port is EADDRINUSE', async () => {
    const loop = makeLoop()
    await using listener = await listen({ loop, port: 0 }, echo)
    await expect(listen({ loop, port: listener.port }, echo)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('LS-02 A-LS-1 unix sockets: stale replaced, served EADDRINUSE, other files EEXIST, removed at close', async () => {
    const loop = makeLoop()
    const path = join(directory, 'one.sock')
    const first = await listen({ loop, path }, echo)
    expect([first.path, first.address.family]).toEqual([path, 'unix'])
    await expectEcho({ path })
    await expect(listen({ loop, path }, echo)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await first.close()
    expect(() => statSync(path)).toThrow(/ENOENT/)
    const stale = join(directory, 'stale.sock')
    const { execFileSync } = await import('node:child_process')
    const script = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 9))`
    try {
      execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' })
    } catch {}
    expect(statSync(stale).isSocket()).toBe(true)
    const second = await listen({ loop, address: stale }, echo)
    await expectEcho({ path: stale })
    await second.close()
    const file = join(directory, 'file')
    writeFileSync(file, 'precious')
    await expect(listen({ loop, path: file }, echo)).rejects.toMatchObject({ code: 'EEXIST' })
    expect(statSync(file).size).toBe(8)
    await expect(listen({ loop, path: '/x'.repeat(80) }, echo)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })

  test('LS-05 A-LS-3 idle time-out: silence is closed, reading alone and writing alone keep it open', async () => {
    const loop = makeLoop()
    const closed: [string, string | undefined, number][] = []
    const start = performance.now()
    await using listener = await listen(
      { loop, port: 0, idleTimeout: IDLE_MS },
      {
        onData(c, view) {
          c.context ??= view.toString()
          if (c.context !== 'w') return
          const timer = setInterval(() => (c.closed ? clearInterval(timer) : c.write('x')), 50)
        },
        onClose(c, error) {
          closed.push([(c.context as string) ?? 'silent', error?.code, performance.now() - start])
        },
      },
    )
    await client({ host: HOST, port: listener.port })
    const reader = await client({ host: HOST, port: listener.port })
    const writer = await client({ host: HOST, port: listener.port })
    writer.write('w')
    writer.resume()
    {
      using _ = every(50, () => reader.write('r'))
      await until(() => closed.length > 0, 'the silent one is closed')
      await pause(IDLE_MS / 2)
    }
    expect(closed.map(([who, code]) => [who, code])).toEqual([['silent', 'ETIME']])
    expect(closed[0]?.[2]).toBeGreaterThanOrEqual(IDLE_MS)
    expect(listener.connections).toBe(2)
    reader.destroy()
    writer.destroy()
    await until(() => listener.connections === 0, 'all are closed')
  })

  test('LS-06 A-LS-4 the first four bytes choose the delegate, the rest of the stream stays whole', async () => {
    const loop = makeLoop()
    await using listeners = new Listeners(loop)
    const upper = { onData: (c: Connection, view: Buffer) => void c.write(view.toString().toUpperCase()) }
    listeners.delegate('multi', 0x45434830, echo)
    listeners.delegate('multi', 0x55505052, upper)
    listeners.delegate('multi', 0x4c494e45, {
      async onConnection(c) {
        c.write(`[${await c.readUntil('\n')}]`)
      },
    })
    listeners.delegate('multi', 0x4e4f4e45, echo, { permit: () => false })
    const listener = await listeners.listen({ type: 'multi', address: HOST, port: 0 })
    for (const [sent, expected] of [
      ['ECH0abc', 'abc'],
      ['UPPRabc', 'ABC'],
      ['LINEone\n', '[one\n]'],
    ]) {
      for (const step of [100, 1, 3]) {
        const socket = await client({ host: HOST, port: listener.port, noDelay: true })
        const answer = readBytes(socket, (expected as string).length)
        for (let at = 0; at < (sent as string).length; at += step) {
          socket.write((sent as string).slice(at, at + step))
          await pause(2)
        }
        expect((await answer).toString()).toBe(expected)
        socket.destroy()
      }
    }
    for (const refused of ['WHAT?', 'NONEabc']) {
      const socket = await client({ host: HOST, port: listener.port })
      socket.write(refused)
      expect((await readAll(socket)).length).toBe(0)
    }
    expect(() => listeners.delegate('multi', 0x45434830, echo)).toThrow(
      expect.objectContaining({ code: 'ERR_NAME_TAKEN' }),
    )
  })

  test('LS-09 what is known of a connection: addresses, options, context, marks', async () => {
    const loop = makeLoop()
    let facts: unknown
    const options = { loop, port: 0, idleTimeout: 60_000 }
    await using listener = await listen(options, {
      onData(c) {
        c.context = { user: 1 }
        const { read, write } = c.idle
        facts = [
          c.remote?.address,
          c.local?.port,
          c.config === options,
          c.context,
          c.remoteCn,
          read,
          write >= 0,
          c.fd > 0,
        ]
        c.write('ok')
      },
    })
    const socket = await client({ host: HOST, port: listener.port })
    socket.write('x')
    await readBytes(socket, 2)
    expect(facts).toEqual([HOST, listener.port, true, { user: 1 }, undefined, 0, true, true])
    socket.destroy()
  })

  test('LS-10 A-LS-5 above maxConnections the next client waits until one leaves', async () => {
    const loop = makeLoop()
    await using listener = await listen({ loop, port: 0, maxConnections: 10, backlog: 64 }, echo)
    const sockets: Socket[] = []
    for (let i = 0; i < 10; i++) sockets.push(await client({ host: HOST, port: listener.port }))
    await until(() => listener.connections === 10, 'ten are in')
    const eleventh = await client({ host: HOST, port: listener.port })
    eleventh.write('hello')
    await pause(150)
    expect([listener.connections, eleventh.bytesRead]).toEqual([10, 0])
    sockets[0]?.destroy()
    expect((await readBytes(eleventh, 5)).toString()).toBe('hello')
    expect(listener.connections).toBeLessThanOrEqual(10)
  })

  test('LS-11 A-LS-7 a burst of 1000 connects: each is accepted once, with a descriptor of its own', async () => {
    const loop = makeLoop()
    await using listeners = new Listeners(loop)
    const fds = new Set<number>()
    let accepted = 0
    listeners.register('burst', { onConnection: (c) => void c.write('!'), onData() {} })
    listeners.on('connection', ({ fd, owner }) => {
      accepted++
      fds.add(fd)
      expect(owner).toBe(loop)
    })
    const listener = await listeners.listen({ type: 'burst', address: HOST, port: 0, backlog: 1024 })
    const sockets = Array.from({ length: 1000 }, () => nodeConnect({ host: HOST, port: listener.port }))
    await Promise.all(sockets.map((socket) => once(socket, 'data')))
    expect([accepted, fds.size, listener.connections]).toEqual([1000, 1000, 1000])
    for (const socket of sockets) socket.destroy()
    await until(() => listener.connections === 0, 'all have left')
  })

  test('LS-12 A-LS-6 close refuses new connections, the old go on; with drain it waits for the last', async () => {
    const loop = makeLoop()
    const listener = await listen({ loop, host: OWN_HOST, port: 0 }, echo)
    const port = listener.port
    const socket = await client({ host: OWN_HOST, port })
    socket.write('hello')
    await readBytes(socket, 5)
    await listener.close()
    await listener.close()
    await expect(client({ host: OWN_HOST, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    socket.write('still')
    expect((await readBytes(socket, 5)).toString()).toBe('still')
    let drained = false
    const draining = listener.close({ drain: true }).then(() => {
      drained = true
    })
    await pause(50)
    expect(drained).toBe(false)
    socket.destroy()
    await draining
    const again = nodeServer().listen(port, OWN_HOST)
    await once(again, 'listening')
    again.close()
  })

  test('LS-12 drain with a time limit destroys who stays', async () => {
    const loop = makeLoop()
    const listener = await listen({ loop, port: 0 }, echo)
    const socket = await client({ host: HOST, port: listener.port })
    await until(() => listener.connections === 1, 'accepted')
    await listener.close({ drain: true, timeout: 50 })
    expect(listener.connections).toBe(0)
    await until(() => socket.destroyed || socket.readableEnded, 'the client knows')
  })
})
