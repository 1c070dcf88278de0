import { once } from 'node:events'
import { connect as nodeConnect, type NetConnectOpts, type Socket } from 'node:net'
import { afterEach, expect } from 'vitest'
import type { EngineStats } from '../../lib/backend/backend'
import { Port } from '../../lib/backend/port'
import { selectBackend } from '../../lib/backend/select'
import type { PortHolder } from '../../lib/net'

/** A started loop without an eventer: a port whose engine runs. */
export interface TestLoop extends PortHolder {
  readonly port: Port
  stats(): EngineStats
}

/** Matters only when something is broken: far more than a slow, busy machine needs. */
const PATIENCE_MS = 100_000

/**
 * An address that no other process listens on, for ports that are given up and expected to be free: elsewhere another
 * test may be given the same port meanwhile. On systems whose loopback is one address, that one.
 */
export const OWN_HOST =
  process.platform === 'linux' ? `127.1.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}` : '127.0.0.1'

const loops: TestLoop[] = []
const sockets: Socket[] = []

export function makeLoop(): TestLoop {
  const options = { maxSleepMs: 200, maxTimersPerPass: 1024, maxEventsPerWait: 1024, name: 'test/0' }
  const port = new Port(selectBackend(), options)
  port.engine.start()
  const loop = { port, stats: () => port.engine.stats() }
  loops.push(loop)
  return loop
}

/** A plain client of Node; destroyed after the test. */
export async function client(options: NetConnectOpts): Promise<Socket> {
  const socket = nodeConnect(options)
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Everything the peer sends until it ends or closes. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.resume()
  if (!socket.readableEnded && !socket.destroyed) {
    await Promise.race([once(socket, 'end'), once(socket, 'close')]).catch(() => {})
  }
  return Buffer.concat(chunks)
}

/** The next `count` bytes of a client. */
export function readBytes(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      size += chunk.length
      if (size < count) return
      finish()
      const all = Buffer.concat(chunks)
      if (all.length > count) socket.unshift(all.subarray(count))
      resolve(all.subarray(0, count))
    }
    const lost = (): void => {
      finish()
      reject(new Error(`closed after ${size} of ${count} bytes: ${Buffer.concat(chunks).toString('latin1')}`))
    }
    const finish = (): void => {
      socket.off('data', take)
      socket.off('close', lost)
      socket.pause()
    }
    socket.on('data', take)
    socket.on('close', lost)
    socket.resume()
  })
}

/** Waits until `condition` holds; a test that it never holds for times out with its name. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const start = performance.now()
  while (!condition()) {
    if (performance.now() - start > PATIENCE_MS) throw new Error(`still waiting until ${what}`)
    await pause(2)
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Takes uncaught exceptions in place of the test runner, until disposed. */
export function collectUncaught(): Disposable & { readonly errors: unknown[] } {
  const errors: unknown[] = []
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => void errors.push(error))
  return {
    errors,
    [Symbol.dispose]() {
      process.removeAllListeners('uncaughtException')
      for (const listener of before) process.on('uncaughtException', listener)
    },
  }
}

/** No connection, listener or buffered byte is left in the engine. */
export async function expectBaseline(loop: TestLoop): Promise<void> {
  const settled = (): boolean => {
    const { connections, listeners, bufferedBytes } = loop.stats()
    return connections === 0 && listeners === 0 && bufferedBytes === 0
  }
  await until(settled, 'the engine is empty').catch(() => {})
  const { connections, listeners, bufferedBytes } = loop.stats()
  expect({ connections, listeners, bufferedBytes }).toEqual({
    connections: 0,
    listeners: 0,
    bufferedBytes: 0,
  })
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const loop of loops.splice(0)) {
    await expectBaseline(loop).finally(() => loop.port.engine.close())
  }
})
