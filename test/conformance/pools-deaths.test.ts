import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createServer, listen } from '../../lib'
import type { Eventer, FatalReport, Loop, Pool, RemoteLoop } from '../../lib/eventer'
import { backend, burn, isNative, withEventer } from './eventer-harness'
import { collectUncaught, OWN_HOST } from './net-harness'

// Servers in pools of workers, some of which die, are late, or cannot listen.

const MODULE = join(__dirname, 'pools-servers-module.mjs')
const of = (name: string) => ({ module: MODULE, export: name })
const POLL = { timeout: 60_000, interval: 5 }

type Where = { readonly port: number } | { readonly path: string }

/** On a system that has one loopback address, that. */
const host = process.platform === 'linux' ? OWN_HOST : '127.0.0.1'

const workersOf = (eventer: Eventer) => eventer.pool('web')?.threads as RemoteLoop[]

const onWorkers = (
  concurrency: number,
  body: (eventer: Eventer, reports: FatalReport[]) => Promise<void>,
  data?: unknown,
) =>
  withEventer(
    { pools: { web: { kind: 'worker', concurrency, ...(data !== undefined && { module: MODULE, data }) } } },
    async ({ eventer }) => {
      const reports: FatalReport[] = []
      eventer.on('fatal', (report) => reports.push(report))
      await body(eventer, reports)
      // Nothing of a server that is closed is remembered.
      for (const { heard, replaced, lost } of workersOf(eventer))
        expect([heard.size, replaced.size, lost.size]).toEqual([0, 0, 0])
    },
  )

/** The thread that answers, by a connection of its own; or the code of why none does. */
function ask(where: Where, path = '/'): Promise<number | string> {
  return new Promise((resolve) => {
    const to = 'path' in where ? { socketPath: where.path } : { host, port: where.port }
    const asked = request({ ...to, path, agent: false, headers: { connection: 'close' } }, (response) => {
      let text = ''
      response.on('data', (bytes: Buffer) => {
        text += String(bytes)
      })
      response.on('end', () => resolve((JSON.parse(text) as { threadId: number }).threadId))
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asked.end()
  })
}

/** Until every worker that is there now has answered. */
async function expectAllServe(eventer: Eventer, where: Where): Promise<void> {
  const seen = new Set<number | string>()
  await expect
    .poll(async () => {
      seen.add(await ask(where))
      return workersOf(eventer).every(({ threadId }) => threadId !== 0 && seen.has(threadId))
    }, POLL)
    .toBe(true)
}

/** Ends a worker; resolves when that is known here. */
const kill = (loop: RemoteLoop | undefined) =>
  expect((loop as RemoteLoop).call(of('die'))).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

function openConnection(where: Where): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, ...where })
    sockets.push(socket)
    socket.once('error', reject)
    socket.once('data', () => resolve(socket))
  })
}

/** A folder for sockets, gone afterwards. */
async function inFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-deaths-'))
  try {
    await body(join(folder, 'socket'))
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Which of how many workers dies. */
const DEATHS = isNative ? [[0, 1] as const, [0, 2] as const, [1, 2] as const] : [[0, 1] as const]
const COUNTS = isNative ? [1, 2] : [1]

describe.skipIf(process.platform === 'win32').each(DEATHS)(
  'a Unix socket when worker %i of %i dies',
  (index, count) => {
    it('TP-20 LS-02 is there still, and the next worker serves it', () =>
      inFolder((path) =>
        onWorkers(count, async (eventer) => {
          const server = createServer({ pool: 'web' }, of('who'))
          await server.listen({ path })
          for (let round = 0; round < 2; round++) {
            await kill(workersOf(eventer)[index])
            if (isNative) {
              expect(existsSync(path)).toBe(true)
              // Where nobody else is there, it waits for the next worker.
              expect(await ask({ path })).toBeTypeOf('number')
            }
            await expectAllServe(eventer, { path })
          }
          expect(server.addresses).toMatchObject([{ family: 'unix', address: path }])
          await server.close({ drain: true })
          expect(existsSync(path)).toBe(false)
        }),
      ))
  },
)

describe.each(COUNTS)('an address of %i workers', (count) => {
  it.runIf(isNative && count === 1)('TP-20 LS-01 is kept while no worker is there: clients wait', () =>
    onWorkers(count, async (eventer) => {
      const server = createServer({ pool: 'web' }, of('who'))
      await server.listen({ host, port: 0 })
      for (let round = 0; round < 3; round++) {
        await kill(workersOf(eventer)[0])
        const answers = await Promise.all([1, 2, 3, 4].map(() => ask({ port: server.port })))
        expect(answers).toEqual(new Array(4).fill(workersOf(eventer)[0]?.threadId))
      }
      await server.close({ drain: true })
      expect(await ask({ port: server.port })).toBeTypeOf('string')
    }),
  )

  it('TP-20 LS-02 is given up, and so refused, once every place stays empty', () => {
    const deaths = new Int32Array(new SharedArrayBuffer(4))
    return onWorkers(
      count,
      async (eventer, reports) => {
        const server = createServer({ pool: 'web' }, of('who'))
        await server.listen({ host, port: 0 })
        const { port } = server
        Atomics.store(deaths, 0, 100)
        await Promise.all(workersOf(eventer).map(kill))
        await expect.poll(() => reports.length, POLL).toBe(4 * count)
        expect(reports.filter(({ respawns }) => !respawns)).toHaveLength(count)
        await expect.poll(() => ask({ port }), POLL).toBe('ECONNREFUSED')
        expect([server.addresses, server.connections]).toEqual([[], 0])
        await expect(server.listen({ host, port: 0 })).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
        await server.close({ drain: true })
      },
      { deaths },
    )
  })

  it('TP-20 PO-01 outlives a second listen in the middle of a death, and the newcomer has both', () =>
    onWorkers(count, async (eventer) => {
      const server = createServer({ pool: 'web' }, of('who'))
      await server.listen({ host, port: 0 })
      const last = workersOf(eventer).at(-1)
      const dying = kill(last)
      const listening = server.listen({ host, port: 0 }).catch((error: unknown) => error)
      await dying
      const result = await listening
      // Where nobody is left it fails, and may be tried again.
      if (count === 1) {
        expect(result).toMatchObject({ code: 'ERR_WORKER_DIED' })
        await expect.poll(() => last?.loopId, POLL).not.toBe(0)
        await server.listen({ host, port: 0 })
      } else expect(result).toBe(server)
      expect(server.addresses).toHaveLength(2)
      for (const { port } of server.addresses) await expectAllServe(eventer, { port })
      await server.close({ drain: true })
    }))

  it('LS-01 PO-01 outlives a second listen that fails in the last worker, which may be tried again', () =>
    onWorkers(count, async (eventer) => {
      const server = createServer({ pool: 'web' }, of('who'))
      await server.listen({ host, port: 0 })
      const { addresses } = server
      const last = workersOf(eventer).at(-1) as RemoteLoop
      await last.call(of('failToListen'), -constants.errno.EMFILE)
      for (let round = 0; round < 3; round++)
        await expect(server.listen({ host, port: 0 })).rejects.toMatchObject({ code: 'EMFILE' })
      expect(server.addresses).toEqual(addresses)
      await expectAllServe(eventer, { port: server.port })
      await last.call(of('failToListen'), 0)
      await server.listen({ host, port: 0 })
      for (const { port } of server.addresses) await expectAllServe(eventer, { port })
      await server.close({ drain: true })
    }))

  it('LS-01 PO-01 listens in the place of a worker that died as soon as that is possible', () =>
    onWorkers(count, async (eventer) => {
      const failures: unknown[] = []
      const onAcceptError = (error: Error): void => void failures.push((error as { code?: string }).code)
      const server = createServer({ pool: 'web', onAcceptError }, of('who'))
      await server.listen({ host, port: 0 })
      const last = workersOf(eventer).at(-1) as RemoteLoop
      await kill(last)
      // Asked of the next worker while it starts, so before the server asks it to listen.
      for (let isSet = false; !isSet; await nextTurn())
        isSet = await last.call(of('failToListen'), -constants.errno.EMFILE).then(
          () => true,
          () => false,
        )
      await expect.poll(() => failures, POLL).toContain('EMFILE')
      await last.call(of('failToListen'), 0)
      await expectAllServe(eventer, { port: server.port })
      await server.close({ drain: true })
    }))

  it('LS-12 PO-01 is forgotten after a close without drain, when the last connection has gone', () =>
    onWorkers(count, async (eventer) => {
      for (let round = 0; round < 2; round++) {
        const listener = await listen({ pool: 'web', host, port: 0 }, of('greeter'))
        const open = await Promise.all([1, 2, 3].map(() => openConnection({ port: listener.port })))
        await listener.close()
        await expect.poll(() => listener.connections, POLL).toBe(3)
        if (round === 0) for (const socket of open) socket.end()
        else await Promise.all(workersOf(eventer).map(kill))
        await expect.poll(() => listener.connections, POLL).toBe(0)
        await expect
          .poll(() => workersOf(eventer).map(({ heard }) => heard.size), POLL)
          .toEqual(new Array(count).fill(0))
      }
    }))

  it('LS-12 TP-20 settles a drain whose last connection dies with its worker', () =>
    onWorkers(count, async (eventer) => {
      const listener = await listen({ pool: 'web', host, port: 0 }, of('greeter'))
      await openConnection({ port: listener.port })
      const closing = listener.close({ drain: true })
      await Promise.all(workersOf(eventer).map(kill))
      await closing
      expect(listener.connections).toBe(0)
    }))
})

describe('a worker whose last words a callback of the user does not bear', () => {
  it('TP-20 is replaced, and what was asked of it settles', () =>
    onWorkers(1, async (eventer, reports) => {
      const [worker] = workersOf(eventer) as [RemoteLoop]
      const rounds = 4
      using uncaught = collectUncaught()
      for (let round = 1; round <= rounds; round++) {
        const onError = (error: unknown): void => {
          throw error
        }
        const server = createServer({ pool: 'web', onError }, of('breakAndDie'))
        await server.listen({ host, port: 0 })
        const socket = createConnection({ host, port: server.port })
        socket.on('error', () => {})
        await once(socket, 'connect')
        const call = worker.call(of('never'))
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        // This thread sees what it is told and the exit in one turn of Node's loop, and the exit first.
        burn(300)
        await expect(call).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
        await expect.poll(() => worker.loopId, POLL).not.toBe(0)
        await server.close()
        socket.destroy()
        expect(reports).toHaveLength(round)
      }
      expect(uncaught.errors).toEqual(new Array(rounds).fill(new RangeError('at last')))
    }))
})

describe.skipIf(!isNative)('a listen on several loops of this isolate', () => {
  const kinds = backend.capabilities.dedicatedLoops
    ? (['embedded', 'native'] as const)
    : (['embedded'] as const)
  it.each(kinds)('LS-01 PO-01 that fails on the last of them leaves the other addresses alone: %s', (kind) =>
    withEventer({ pools: { io: { kind, concurrency: 2 } } }, async ({ eventer }) => {
      eventer.start()
      const server = createServer({ pool: 'io' }, (_, response) => response.json({ threadId: 0 }))
      await server.listen({ host, port: 0 })
      const { addresses } = server
      const { threads } = eventer.pool('io') as Pool
      const { engine } = (threads[1] as Loop).port
      const { listen: systemListen } = engine
      engine.listen = () => -constants.errno.EMFILE
      await expect(server.listen({ host, port: 0 })).rejects.toMatchObject({ code: 'EMFILE' })
      engine.listen = systemListen
      expect(server.addresses).toEqual(addresses)
      expect(await ask({ port: server.port })).toBe(0)
      await server.listen({ host, port: 0 })
      expect(server.addresses).toHaveLength(2)
      for (const { port } of server.addresses) expect(await ask({ port })).toBe(0)
      await server.close({ drain: true })
    }),
  )
})

/** The same numbers for the same seed. */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * limit)
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }
}

/** So many clients that ask one after the other, of any address there is, until they are told to stop. */
class Crowd {
  readonly #clients: Promise<void>[]
  #stops = false
  asked = 0
  readonly outcomes = new Map<string, number>()

  constructor(clients: number, where: () => Where) {
    this.#clients = Array.from({ length: clients }, () => this.#run(where))
  }

  async stop(): Promise<void> {
    this.#stops = true
    await Promise.all(this.#clients)
  }

  async #run(where: () => Where): Promise<void> {
    while (!this.#stops) {
      this.asked++
      const outcome = await ask(where())
      const name = typeof outcome === 'number' ? 'answer' : outcome
      this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1)
      // A refusal comes at once.
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
}

const SEED = Number(process.env.HEDDLE_TEST_SEED ?? Date.now() % 1_000_000)
const STEPS = 60

/** What may come of a call to a worker that may die, or to a server that may be closed meanwhile. */
const CODES = new Set(['ERR_WORKER_DIED', 'ERR_CLOSED', 'EMFILE'])

describe.each(COUNTS)('servers in %i workers that die at any time', (count) => {
  it(`TP-20 PO-01 settle every call and request, keep their addresses, and leave nothing (HEDDLE_TEST_SEED=${SEED})`, () => {
    const dice = new Dice(SEED)
    const deaths = new Int32Array(new SharedArrayBuffer(4))
    return inFolder((path) =>
      onWorkers(
        count,
        async (eventer) => {
          const server = createServer({ pool: 'web' }, of('who'))
          const extra = createServer({ pool: 'web' }, of('who'))
          await server.listen({ host, port: 0 })
          if (process.platform !== 'win32') await server.listen({ path })
          const { addresses } = server
          const where = (): Where => {
            const { family, address, port } = dice.pick([...addresses, ...extra.addresses])
            return family === 'unix' ? { path: address } : { port }
          }
          const crowd = new Crowd(6, where)
          const calls: Promise<void>[] = []
          const note = (call: Promise<unknown>): void => {
            calls.push(
              call.then(
                () => {},
                (error: { code?: string }) => expect(CODES, String(error)).toContain(error.code),
              ),
            )
          }
          for (let step = 0; step < STEPS; step++) {
            // Twice at most: the third in a row would give the place up.
            if (step === 15 || step === 40) Atomics.store(deaths, 0, 1)
            act(dice.below(10))
            await new Promise((resolve) => setTimeout(resolve, dice.below(60)))
          }
          await Promise.all(calls)
          for (const worker of workersOf(eventer)) note(worker.call(of('failToListen'), 0))
          await Promise.all(calls)
          expect(server.addresses).toEqual(addresses)
          for (const { family, address, port } of addresses)
            await expectAllServe(eventer, family === 'unix' ? { path: address } : { port })
          await crowd.stop()
          expect([...crowd.outcomes.values()].reduce((sum, n) => sum + n, 0)).toBe(crowd.asked)
          expect(crowd.outcomes.get('answer')).toBeGreaterThan(0)
          await Promise.all([server.close({ drain: true }), extra.close({ drain: true })])
          expect([server.connections, extra.connections]).toEqual([0, 0])

          function act(choice: number): void {
            const worker = dice.pick(workersOf(eventer))
            if (choice < 2) note(worker.call(of('die')))
            else if (choice < 5) note(worker.call(of('burn'), 20 + dice.below(60)))
            else if (choice < 7) note(extra.listen({ host, port: 0 }))
            else if (choice === 7) note(extra.close())
            else if (choice === 8) note(extra.close({ drain: true }))
            else note(worker.call(of('failToListen'), -constants.errno.EMFILE))
          }
        },
        { deaths },
      ),
    )
  })
})
