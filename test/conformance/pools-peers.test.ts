import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createServer, listen } from '../../lib'
import type { Eventer, PoolKind } from '../../lib/eventer'
import { backend, withEventer } from './eventer-harness'

// Slow and stalling clients of servers on each kind of pool: what is held for them is bounded, they are dropped in time,
// and the loop goes on serving others.

const MODULE = join(__dirname, 'pools-servers-module.mjs')
const of = (name: string) => ({ module: MODULE, export: name })
const HOST = '127.0.0.1'
/** More than the system keeps for a client that does not read. */
const LARGE = 32_000_000
const POLL = { timeout: 60_000, interval: 20 }
const KINDS: PoolKind[] = [
  'embedded',
  ...(backend.capabilities.dedicatedLoops ? ['native' as const] : []),
  'worker',
]

interface Flooded {
  readonly total: number
  readonly blocked: number
  readonly drained: number
  readonly closed: readonly string[]
}

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** It takes nothing until it is read from. */
function stalling(port: number): Socket {
  const socket = createConnection({ port, host: HOST })
  sockets.push(socket)
  socket.on('error', () => {})
  return socket.pause()
}

/** Everything until the server ends or drops the connection. */
function readAll(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    socket.on('data', (bytes: Buffer) => chunks.push(bytes))
    socket.once('close', () => resolve(Buffer.concat(chunks)))
    socket.resume()
  })
}

/** On one loop, with a server beside that tells what `flood` has done there. */
const onPool = (
  kind: PoolKind,
  body: (state: (path?: string) => Promise<Flooded>, eventer: Eventer) => Promise<void>,
) =>
  withEventer({ pools: { io: { kind, concurrency: 1 } } }, async ({ eventer }) => {
    eventer.start()
    const server = createServer({ pool: 'io' }, of('floodState'))
    await server.listen({ port: 0 })
    const headers = { connection: 'close' }
    const state = async (path = '/'): Promise<Flooded> =>
      (await (await fetch(`http://${HOST}:${server.port}${path}`, { headers })).json()) as Flooded
    await state('/new')
    await body(state, eventer)
    await server.close({ drain: true })
  })

describe.each(KINDS)('a slow client of a server on a pool that is %s', (kind) => {
  it('LS-10 PO-01 is written to up to the high-water mark, and from there as fast as it reads', () =>
    onPool(kind, async (state) => {
      const options = { pool: 'io', port: 0, highWaterBytes: 65_536 }
      const listener = await listen(options, of('flood'))
      const socket = stalling(listener.port)
      let before = -1
      // Nothing moves any more, and the loop answers others.
      await expect
        .poll(async () => {
          const { total, blocked, drained } = await state()
          const rests = blocked === drained + 1 && total === before
          before = total
          return rests
        }, POLL)
        .toBe(true)
      expect(before).toBeLessThan(LARGE)
      expect(await readAll(socket)).toHaveLength(LARGE)
      await expect.poll(async () => (await state()).closed, POLL).toEqual(['none'])
      const { blocked, drained } = await state()
      expect(drained).toBe(blocked)
      await listener.close({ drain: true })
    }))

  it('LS-05 PO-01 is closed when it stalls for as long as idleTimeout allows', () =>
    onPool(kind, async (state) => {
      const listener = await listen({ pool: 'io', port: 0, idleTimeout: 200 }, of('flood'))
      const socket = stalling(listener.port)
      await expect.poll(async () => (await state()).closed, POLL).toEqual(['ETIME'])
      socket.destroy()
      await listener.close({ drain: true })
      expect(listener.connections).toBe(0)
    }))

  it('LS-05 PO-01 is dropped by HTTP: half a head after headTimeout, an answer not taken after writeTimeout', () =>
    onPool(kind, async (state) => {
      const options = { pool: 'io', headTimeout: 200, writeTimeout: 1500 }
      const server = createServer(options, of('large'))
      await server.listen({ port: 0 })
      const half = stalling(server.port)
      half.write('GET / HTTP/1.1\r\nHost: ')
      const taker = stalling(server.port)
      taker.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      expect(String(await readAll(half))).toMatch(/^HTTP\/1\.1 408 /)
      // It takes nothing before it is known to be dropped.
      await expect.poll(async () => (await state()).closed, POLL).toEqual(['aborted'])
      await expect.poll(() => server.connections, POLL).toBe(0)
      expect((await readAll(taker)).length).toBeLessThan(LARGE)
      expect(await state('/new')).toMatchObject({ total: 0 })
      await server.close({ drain: true })
    }))
})
