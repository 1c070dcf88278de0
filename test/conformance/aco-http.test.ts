import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aco } from '../../lib/aco'
import { Eventer } from '../../lib/eventer'
import { createServer, type HttpServer } from '../../lib/http'
import { type Bench, codeOf, withAco } from './aco-harness'
import { makeLoop } from './net-harness'

const HELD = { module: join(__dirname, 'aco-asynch-module.mjs'), export: 'held' }

function withServer(
  prepare: (server: HttpServer) => void,
  body: (url: string, errors: unknown[], bench: Bench) => Promise<void>,
): Promise<void> {
  return withAco(async (bench) => {
    const errors: unknown[] = []
    const onError = (error: unknown) => void errors.push(error)
    const server = createServer({ loop: bench.eventer.loops[0], onError })
    prepare(server)
    await server.listen({ host: '127.0.0.1', port: 0 })
    try {
      await body(`http://127.0.0.1:${server.port}`, errors, bench)
    } finally {
      await server.close({ drain: true, timeout: 500 })
    }
  })
}

describe('request handlers in coroutines', () => {
  it('AC-29 RS-02 A-AC-23 wait for calls of other threads while the loop serves on', () => {
    const REQUESTS = 20
    const cells = new Int32Array(new SharedArrayBuffer(8))
    return withServer(
      (server) => {
        server.route(
          'GET',
          '/hello',
          async (_, res) => {
            const queue = Eventer.current().jobqs.create('slow', { concurrency: REQUESTS })
            res.end(await aco.current()?.asynch(HELD, { cells, value: 'Hello world.\n' }, { queue }))
          },
          { aco: true },
        )
        server.route('GET', '/plain', (_, res) => res.end(String(aco.isAco())))
      },
      async (url, _, bench) => {
        const get = async (path: string) => (await fetch(`${url}${path}`)).text()
        const slow = Array.from({ length: REQUESTS }, () => get('/hello'))
        await bench.until(() => Atomics.load(cells, 1) === REQUESTS, 'all calls under way')
        expect(await get('/plain')).toBe('false')
        const states = aco.list().map(({ name, state }) => `${name} ${state}`)
        expect(states).toEqual(Array.from({ length: REQUESTS }, () => 'GET /hello asynch'))
        Atomics.store(cells, 0, 1)
        Atomics.notify(cells, 0)
        expect(await Promise.all(slow)).toEqual(Array.from({ length: REQUESTS }, () => 'Hello world.\n'))
      },
    )
  })

  it('AC-29 RS-02 keep the signature, the parameters and the request as argument', () =>
    withServer(
      (server) => {
        server.route(
          ['GET', 'POST'],
          '/echo/:word',
          async (req, res) => {
            const co = aco.current()
            await co?.sleep(0)
            expect(aco.arg()).toBe(req)
            res.end(`${req.params.word} ${await req.text()} ${co?.name}`)
          },
          { aco: true },
        )
        server.route('GET', '/at-once', (_, res) => res.end(String(aco.isAco())), { aco: true })
        server.route(
          'GET',
          '/exit',
          async (_, res) => {
            res.end('said')
            aco.current()?.exit()
          },
          { aco: true },
        )
      },
      async (url, errors) => {
        const posted = await fetch(`${url}/echo/a`, { method: 'POST', body: 'b' })
        expect(await posted.text()).toBe('a b POST /echo/:word')
        expect(await (await fetch(`${url}/at-once`)).text()).toBe('true')
        expect(await (await fetch(`${url}/exit`)).text()).toBe('said')
        expect(errors).toEqual([])
      },
    ))

  it('AC-29 fail as other handlers do', () =>
    withServer(
      (server) => {
        const throwing = () => {
          throw new Error('at once')
        }
        const rejecting = async () => {
          await aco.current()?.sleep(0)
          throw new Error('later')
        }
        server.route('GET', '/throws', throwing, { aco: true })
        server.route('GET', '/rejects', rejecting, { aco: true })
      },
      async (url, errors) => {
        expect((await fetch(`${url}/throws`)).status).toBe(500)
        expect((await fetch(`${url}/rejects`)).status).toBe(500)
        expect(errors.map((error) => (error as Error).message)).toEqual(['at once', 'later'])
      },
    ))

  it('AC-29 misuse', () =>
    withServer(
      (server) => {
        const handler = () => {}
        expect(codeOf(() => server.route('GET', '/x', handler, { aco: 1 as never }))).toBe(
          'ERR_INVALID_ARGUMENT',
        )
        expect(codeOf(() => server.route('GET', '/x', handler, 5 as never))).toBe('ERR_INVALID_ARGUMENT')
        expect(codeOf(() => server.route('GET', '/x', 5 as never, { aco: true }))).toBe(
          'ERR_INVALID_ARGUMENT',
        )
      },
      async () => {},
    ))

  it('AC-29 need a loop of an eventer', () => {
    const server = createServer({ loop: makeLoop() })
    expect(codeOf(() => server.route('GET', '/x', () => {}, { aco: true }))).toBe('ERR_NOT_SUPPORTED')
  })
})
