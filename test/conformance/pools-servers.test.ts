import { existsSync, unlinkSync } from 'node:fs'
import { createConnection, createServer as createNetServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { threadId } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { createServer, listen, Listeners } from '../../lib'
import type { Eventer, Pool, PoolKind, PoolOptions, RemoteLoop } from '../../lib/eventer'
import { temporaryFolder } from '../temporary-folder'
import { backend, codeOf, isNative, withEventer } from './eventer-harness'
import { makeLoop } from './net-harness'

const MODULE = join(__dirname, 'pools-servers-module.mjs')
const of = (name: string) => ({ module: MODULE, export: name })
const HOST = '127.0.0.1'

interface Kind {
  readonly kind: PoolKind
  readonly concurrency: number
}

/** Every kind that the backend has; in several workers it cannot listen without native code. */
const KINDS: Kind[] = [
  { kind: 'embedded', concurrency: 1 },
  { kind: 'embedded', concurrency: 3 },
  ...(backend.capabilities.dedicatedLoops
    ? ([
        { kind: 'native', concurrency: 1 },
        { kind: 'native', concurrency: 2 },
      ] as const)
    : []),
  { kind: 'worker', concurrency: 1 },
  ...(isNative ? ([{ kind: 'worker', concurrency: 2 }] as const) : []),
]
const LOCAL = KINDS.filter(({ kind }) => kind !== 'worker')
const title = ({ kind, concurrency }: Kind) => [`${concurrency} ${kind}`, { kind, concurrency }] as const

const onPool = (io: PoolOptions, body: (eventer: Eventer) => Promise<void>) =>
  withEventer({ pools: { io } }, async ({ eventer }) => {
    eventer.start()
    await body(eventer)
  })

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** A connection of its own for one request, so that the system may give it to any of the listeners. */
async function get(port: number, path = '/', init: RequestInit = {}): Promise<Response> {
  const headers = { connection: 'close', ...init.headers }
  return fetch(`http://${HOST}:${port}${path}`, { ...init, headers })
}

/** Connects and resolves with the first line that comes. */
function greeting(
  where: { port: number; host?: string } | { path: string },
): Promise<{ socket: Socket; line: string }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: HOST, ...where })
    sockets.push(socket)
    socket.once('error', reject)
    socket.once('data', (bytes) => resolve({ socket, line: String(bytes) }))
  })
}

/** Threads that connections of a server may run on. */
const threadsOf = (eventer: Eventer) =>
  eventer.pool('io')?.threads.map((thread) => thread.threadId) as number[]

describe.each(KINDS.map(title))('a server on a pool of %s', (_, pool) => {
  it('PO-01 RS-01 serves HTTP with handlers and routes that are named, whatever the kind', () =>
    onPool(pool, async (eventer) => {
      const server = createServer({ pool: 'io' }, of('who'))
      server.route('get', '/users/:id', of('user')).route(['POST', 'PUT'], '/echo', of('echo'))
      await server.listen({ port: 0 })
      const { port } = server
      expect(port).toBeGreaterThan(0)
      expect(server.addresses).toMatchObject([{ address: HOST, port, family: 'IPv4' }])
      const threads = threadsOf(eventer)
      const seen = new Set<number>()
      for (let n = 0; n < 40; n++) {
        const answer = (await (await get(port, `/${n}`)).json()) as { threadId: number; path: string }
        expect(answer.path).toBe(`/${n}`)
        seen.add(answer.threadId)
      }
      for (const seenThread of seen) expect(threads).toContain(seenThread)
      expect(seen.has(threadId)).toBe(pool.kind !== 'worker')
      expect(await (await get(port, '/users/7')).json()).toEqual({ id: '7' })
      expect(await (await get(port, '/echo', { method: 'PUT', body: 'weft' })).text()).toBe('weft')
      expect((await get(port, '/echo')).status).toBe(405)
      await server.close({ drain: true })
      await expect(get(port)).rejects.toThrow()
      expect(server.connections).toBe(0)
    }))

  it('LS-04 PO-01 serves TCP, and counts connections', () =>
    onPool(pool, async (eventer) => {
      const named = { module: pathToFileURL(MODULE), export: 'greeter' }
      const listener = await listen({ pool: 'io', port: 0 }, named)
      const threads = threadsOf(eventer).map((id) => `${id}\n`)
      const clients = await Promise.all([1, 2, 3, 4].map(() => greeting({ port: listener.port })))
      for (const { line } of clients) expect(threads).toContain(line)
      await expect.poll(() => listener.connections, { timeout: 100_000, interval: 10 }).toBe(4)
      for (const { socket } of clients) socket.end()
      await listener.close({ drain: true })
      expect(listener.connections).toBe(0)
      await expect(greeting({ port: listener.port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    }))

  it('PO-01 LS-12 drains every part: what is under way is answered first', () =>
    onPool(pool, async () => {
      const server = createServer({ pool: 'io' }, of('slow'))
      await server.listen({ port: 0 })
      // Each has begun to answer when it is told to end.
      const answers = await Promise.all([1, 2, 3].map(() => get(server.port)))
      const closing = server.close({ drain: true })
      const texts = await Promise.all(answers.map((answer) => answer.text()))
      expect(texts).toEqual(['at last', 'at last', 'at last'])
      await closing
    }))

  it('PO-01 tells of handlers that fail, where the server was made', () =>
    onPool(pool, async () => {
      const errors: { error: unknown; url: string }[] = []
      const refusals: number[] = []
      const server = createServer(
        {
          pool: 'io',
          onError: (error, { url }) => void errors.push({ error, url }),
          onRefused: ({ status }) => void refusals.push(status),
        },
        of('broken'),
      )
      await server.listen({ port: 0 })
      expect((await get(server.port, '/knot')).status).toBe(500)
      await expect.poll(() => errors.length, { timeout: 100_000, interval: 5 }).toBe(1)
      expect(errors[0]).toMatchObject({ url: '/knot', error: { name: 'RangeError', code: 'EYARN' } })
      const client = createConnection(server.port, HOST)
      sockets.push(client)
      client.resume().write('NONSENSE\r\n\r\n')
      await expect.poll(() => refusals, { timeout: 100_000, interval: 5 }).toEqual([400])
      await server.close({ drain: true })
    }))

  it('PO-01 LS-02 fails as one, with nothing left behind, where its address is taken', () =>
    onPool(pool, async () => {
      const holder = await listen({ pool: 'default', port: 0 }, {})
      const { port } = holder
      const server = createServer({ pool: 'io' }, of('who'))
      await expect(server.listen({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
      await expect(listen({ pool: 'io', port }, of('greeter'))).rejects.toMatchObject({ code: 'EADDRINUSE' })
      expect(server.addresses).toEqual([])
      await holder.close()
      await server.listen({ port })
      expect(server.port).toBe(port)
      await server.close({ drain: true })
    }))

  it('LS-12 PO-01 listens again at once where a close is under way', () =>
    onPool(pool, async () => {
      for (const how of [{}, { drain: true }]) {
        const server = createServer({ pool: 'io' }, of('who'))
        await server.listen({ port: 0 })
        const closing = server.close(how)
        await server.listen({ port: 0 })
        await closing
        expect(server.addresses).toHaveLength(1)
        expect((await get(server.port)).status).toBe(200)
        await server.close({ drain: true })
      }
    }))

  it('PO-01 LS-02 listens for IPv6 alone beside somebody who listens for IPv4, and for both nowhere', async ({
    skip,
  }) => {
    const six = await listen({ port: 0, host: '::1', loop: makeLoop() }, {}).catch(() => undefined)
    if (six === undefined) return skip('this machine has no IPv6')
    await six.close()
    await onPool(pool, async () => {
      const holder = await listen({ pool: 'default', port: 0, host: '0.0.0.0' }, {})
      const { port } = holder
      const where = { pool: 'io', port, host: '::' }
      await expect(listen(where, of('greeter'))).rejects.toMatchObject({ code: 'EADDRINUSE' })
      const listener = await listen({ ...where, ipv6Only: true }, of('greeter'))
      const { line } = await greeting({ port, host: '::1' })
      expect(line).toMatch(/^\d+\n$/)
      await listener.close()
      await holder.close()
    })
  })

  it.skipIf(process.platform === 'win32')(
    'PO-01 LS-02 removes its own Unix socket, and none that has taken its place',
    () =>
      onPool(pool, async () => {
        const path = join(temporaryFolder(), 'socket')
        const listener = await listen({ pool: 'io', path }, of('greeter'))
        unlinkSync(path)
        const other = createNetServer()
        await new Promise<void>((resolve) => other.listen(path, resolve))
        await listener.close()
        expect(existsSync(path)).toBe(true)
        await new Promise((resolve) => other.close(resolve))
      }),
  )

  it.skipIf(process.platform === 'win32')('PO-01 LS-02 shares a Unix socket, which is gone afterwards', () =>
    onPool(pool, async () => {
      const folder = temporaryFolder()
      const path = join(folder, 'socket')
      const listener = await listen({ pool: 'io', path }, of('greeter'))
      expect(listener.path).toBe(path)
      const clients = await Promise.all([1, 2, 3, 4].map(() => greeting({ path })))
      for (const { socket } of clients) socket.end()
      await listener.close({ drain: true })
      expect(existsSync(path)).toBe(false)
    }),
  )

  it('PO-01 names what cannot be found or is no handler', () =>
    onPool(pool, async () => {
      const missing = createServer({ pool: 'io' }, of('nobody'))
      await expect(missing.listen({ port: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      const number = createServer({ pool: 'io' }).route('GET', '/', of('notAFunction'))
      await expect(number.listen({ port: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      await expect(listen({ pool: 'io', port: 0 }, of('notAFunction'))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      })
      const nowhere = { module: '/no/such/module.mjs', export: 'x' }
      await expect(createServer({ pool: 'io' }, nowhere).listen({ port: 0 })).rejects.toMatchObject({
        code: 'ERR_MODULE_NOT_FOUND',
      })
    }))

  it('PO-01 may be closed while it begins to listen, and listen again', () =>
    onPool(pool, async () => {
      const server = createServer({ pool: 'io' }, of('who'))
      const listening = server.listen({ port: 0 }).catch((error: unknown) => error)
      await server.close()
      expect(await listening).toMatchObject({ code: 'ERR_CLOSED' })
      expect(server.addresses).toEqual([])
      await server.listen({ port: 0 })
      expect((await get(server.port)).status).toBe(200)
      await server.close({ drain: true })
      await server.listen({ port: 0 })
      expect((await get(server.port)).status).toBe(200)
      await server.close({ drain: true })
    }))
})

describe.each(LOCAL.map(title))('a server on a pool of %s loops of this isolate', (_, pool) => {
  it('PO-01 LS-04 takes functions, which run here, and spreads connections', () =>
    onPool(pool, async (eventer) => {
      const loops = new Set<unknown>()
      let served = 0
      const server = createServer({ pool: 'io' }, (_request, response) => {
        served++
        return response.end('here')
      })
      await server.listen({ port: 0 })
      for (let n = 0; n < 10; n++) expect(await (await get(server.port)).text()).toBe('here')
      expect(served).toBe(10)
      await server.close({ drain: true })
      const listener = await listen(
        { pool: 'io', port: 0 },
        { onConnection: (connection) => void connection.write('x'), onData: () => {} },
      )
      listener.on('connection', (_connection, owner) => loops.add(owner))
      for (let n = 0; n < 40; n++) (await greeting({ port: listener.port })).socket.end()
      await listener.close({ drain: true })
      expect([...loops].every((loop) => eventer.pool('io')?.threads.includes(loop as never))).toBe(true)
      // The chance that the system gives none of 40 connections to one of three: below 1e-6.
      expect(loops.size).toBe(pool.concurrency)
    }))

  it('LS-04 is what the fan-out of a configured listener means', () =>
    onPool(pool, async (eventer) => {
      const owners = new Set<string>()
      const listeners = new Listeners(eventer.loops[0])
      listeners.register('greet', {
        onConnection: (connection) => void connection.write('x'),
        onData: () => {},
      })
      listeners.on('connection', ({ owner, fd }) => {
        expect(fd).toBeGreaterThanOrEqual(0)
        owners.add((owner as unknown as { name: string }).name)
      })
      const { port } = await listeners.listen({ type: 'greet', port: 0, fanout: true, fanoutPool: 'io' })
      for (let n = 0; n < 40; n++) (await greeting({ port })).socket.end()
      const named = await listeners.listen({ type: 'greet', port: 0, fanout: true })
      ;(await greeting({ port: named.port })).socket.end()
      expect([...owners].sort()).toEqual([
        'default/0',
        ...Array.from({ length: pool.concurrency }, (_, n) => `io/${n}`),
      ])
      await listeners.close({ drain: true })
    }))
})

describe('a server on a pool', () => {
  it('PO-01 says what is wrong with where it is to be', () =>
    withEventer({ pools: { web: { kind: 'worker', concurrency: 1 } } }, async ({ eventer }) => {
      expect(codeOf(() => createServer({ pool: 'nope' }))).toBe('ERR_NO_POOL')
      expect(codeOf(() => createServer({ pool: 3 as unknown as string }))).toBe('ERR_INVALID_ARGUMENT')
      const both = { pool: 'web', loop: eventer.loops[0] }
      expect(codeOf(() => createServer(both, of('who')))).toBe('ERR_INVALID_ARGUMENT')
      await expect(listen({ pool: 'nope', port: 0 })).rejects.toMatchObject({ code: 'ERR_NO_POOL' })
      const invalid = { code: 'ERR_INVALID_ARGUMENT' }
      await expect(listen({ pool: 'web', port: 0 }, {})).rejects.toMatchObject(invalid)
      expect(codeOf(() => createServer({ pool: 'web' }, (_, response) => response.end()))).toBe(invalid.code)
      const server = createServer({ pool: eventer.pool('web') as never }, of('who'))
      expect(codeOf(() => server.route('GET', '/', (_, response) => response.end()))).toBe(invalid.code)
      server.route('GET', '/a', of('user'))
      expect(codeOf(() => server.route('GET', '/a', of('user')))).toBe(invalid.code)
      await server.listen({ port: 0 })
      expect(codeOf(() => server.route('GET', '/b', of('user')))).toBe('ERR_TOO_LATE')
      await server.close({ drain: true })
    }))

  it.runIf(!isNative)('PO-01 cannot listen in several workers without native code', () =>
    withEventer({ pools: { web: { kind: 'worker', concurrency: 2 } } }, async () => {
      const required = { code: 'ERR_NATIVE_REQUIRED' }
      await expect(createServer({ pool: 'web' }, of('who')).listen({ port: 0 })).rejects.toMatchObject(
        required,
      )
      await expect(listen({ pool: 'web', port: 0 }, of('greeter'))).rejects.toMatchObject(required)
    }),
  )

  it.each(isNative ? [1, 2] : [1])(
    'TP-20 PO-01 listens again when its worker, one of %i, was replaced',
    (concurrency) =>
      withEventer({ pools: { web: { kind: 'worker', concurrency } } }, async ({ eventer }) => {
        eventer.on('fatal', () => {})
        const server = createServer({ pool: 'web' }, of('who'))
        await server.listen({ port: 0 })
        const [first] = (eventer.pool('web') as Pool).threads as [RemoteLoop]
        const { threadId: old } = first
        await expect(first.call(of('die'))).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
        const seen = new Set<number>()
        const ask = async () => {
          const answer = await get(server.port).catch(() => undefined)
          if (answer !== undefined) seen.add(((await answer.json()) as { threadId: number }).threadId)
          return seen.has(first.threadId) && seen.size === concurrency
        }
        await expect.poll(ask, { timeout: 60_000, interval: 5 }).toBe(true)
        expect(seen.has(old)).toBe(false)
        await server.close({ drain: true })
      }),
  )
})
