import type { Socket } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { aco } from '../../lib/aco'
import { Mask } from '../../lib/eventer'
import { type Listener, Listeners, type NativeService } from '../../lib/net'
import { compileModule } from '../native-module'
import { type Bench, codeOf, failureCode, isNative, sys, withAco } from './aco-harness'
import { taskBytes } from './aco-native-harness'
import { client, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
const TEN_SECONDS_NS = 10_000_000_000n
const PATIENCE_NS = 8_000_000_000n

function int64(value: bigint): Uint8Array {
  return new Uint8Array(new BigInt64Array([value]).buffer)
}

function int32(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer)
}

/** A listener whose connections native coroutines serve, and its end. */
async function withListener(
  bench: Bench,
  service: NativeService,
  body: (listener: Listener, listeners: Listeners) => Promise<void>,
  options: object = {},
): Promise<void> {
  const listeners = new Listeners(bench.eventer.loops[0])
  listeners.registerAco('serve', service)
  const where = 'path' in options ? {} : { address: HOST, port: 0 }
  const listener = await listeners.listen({ type: 'serve', backlog: 1024, ...where, ...options })
  await body(listener, listeners)
  await listeners.close()
  await bench.until(() => aco.list().length === 0, 'the end of all coroutines')
}

/** Calls a native function from a coroutine. */
function call(native: string, bytes?: Uint8Array, options: object = {}): Promise<number> {
  const target = { native }
  return aco.start((co) => co.asynch<number>(target, bytes, options)).done as Promise<number>
}

it.runIf(!isNative)(
  'native services and functions need the native backend: ERR_NATIVE_REQUIRED (AC-19, AC-28)',
  () =>
    withAco(async (bench) => {
      const listeners = new Listeners(bench.eventer.loops[0])
      expect(codeOf(() => listeners.registerAco('serve', { native: 'listen_to_me' }))).toBe(
        'ERR_NATIVE_REQUIRED',
      )
      expect(await failureCode(call('add_up'))).toBe('ERR_NATIVE_REQUIRED')
    }),
)

describe.runIf(isNative)('a native function that is called from a coroutine', () => {
  beforeAll(() => aco.load(compileModule('test/modules/procedures.c')))

  it('returns its number, and changes the bytes in place (AC-19)', () =>
    withAco(async () => {
      const bytes = new Uint8Array([1, 2, 3])
      expect(await call('add_up', bytes)).toBe(6)
      expect([...bytes]).toEqual([2, 3, 4])
      expect(await call('add_up')).toBe(0)
      expect(await call('add_up', new Uint8Array(2 ** 20).fill(1))).toBe(2 ** 20)
    }))

  it('lets everything else go on, by the dozen (AC-19, AC-24)', () =>
    withAco(async (bench) => {
      const [read, write] = bench.pipe()
      sys.setBlocking(read, true)
      const waiting = Array.from({ length: 3 }, () => call('waits_for_end', int32(read)))
      expect(await Promise.all([1, 2, 3].map((n) => call('add_up', new Uint8Array([n]))))).toEqual([1, 2, 3])
      expect(aco.list().map(({ state }) => state)).toEqual(['asynch', 'asynch', 'asynch'])
      bench.close(write)
      expect(await Promise.all(waiting)).toEqual([1, 1, 1])
    }))

  it('can be one of a gate (AC-24)', () =>
    withAco(async () => {
      const sums: number[] = []
      await aco.start(async () => {
        const gate = aco.gate()
        for (let n = 0; n < 5; n++)
          void gate.asynch<number>({ native: 'add_up' }, new Uint8Array([n])).then((sum) => sums.push(sum))
        await gate.wait()
      }).done
      expect(sums.sort()).toEqual([0, 1, 2, 3, 4])
    }))

  it('is left alone when nobody waits any more, with its own copy of the bytes (AC-32)', () =>
    withAco(async (bench) => {
      const [read, write] = bench.pipe()
      sys.setBlocking(read, true)
      const bytes = int32(read)
      expect(await failureCode(call('waits_for_end', bytes, { timeout: 5 }))).toBe('ETIME')
      structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
      bench.close(write)
      // Its thread is free again, and its end is nobody's news.
      expect(await call('add_up', new Uint8Array([9]))).toBe(9)
    }))

  it('does not begin after its deadline, and is refused for what it is not (AC-23)', () =>
    withAco(async ({ eventer }) => {
      expect(await failureCode(call('add_up', undefined, { deadline: Date.now() - 1000 }))).toBe('ETIME')
      expect(await call('add_up', undefined, { deadline: Date.now() + 60_000 })).toBe(0)
      expect(await failureCode(call('nobody registered this'))).toBe('ENOENT')
      expect(await failureCode(call('add_up', 'text' as unknown as Uint8Array))).toBe('ERR_INVALID_ARGUMENT')
      expect(await failureCode(call(''))).toBe('ERR_INVALID_ARGUMENT')
      const queue = eventer.jobqs.create('of modules')
      expect(await failureCode(call('add_up', undefined, { queue }))).toBe('EINVAL')
      const threads = eventer.jobqs.create('of functions', { kind: 'native' })
      expect(await call('add_up', new Uint8Array([4]), { queue: threads })).toBe(4)
      const phased = aco.start((co) => co.asynchPhased({ native: 'add_up' })).done
      expect(await failureCode(phased)).toBe('ERR_NOT_SUPPORTED')
      expect(codeOf(() => aco.start({ native: 'naps' } as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(eventer.loops).toHaveLength(1)
    }))
})

describe.runIf(isNative)('the examples of the source document, natively', () => {
  it('A-AC-3 AC-08 a coroutine sleeps and wakes while everything else goes on', () =>
    withAco(async () => {
      aco.load(compileModule('examples/native/sleeper.c'))
      const naps = new Uint8Array(new BigInt64Array([2_000_000n, 3n]).buffer)
      const begun = performance.now()
      const both = [aco.startNative('my_coroutine', naps), aco.startNative('my_coroutine', naps)]
      expect(both.map(({ state }) => state)).toEqual(['sleep', 'sleep'])
      await Promise.all(both.map(({ done }) => done))
      expect(performance.now() - begun).toBeGreaterThanOrEqual(6)
      expect(aco.stats().switches).toBe(8)
    }))

  it('A-AC-10 AC-15 MX-01 a descriptor moves from a callback to a native coroutine and back, and no byte is lost', () =>
    withAco(async (bench) => {
      aco.load(compileModule('examples/native/take_over.c'))
      const { eventer } = bench
      const [ours, theirs] = bench.pair()
      for (let turn = 0; turn < 3; turn++) {
        // Waiting already when the coroutine takes over.
        bench.write(theirs, `first ${turn}\nsecond\n`)
        let done: Promise<void> | undefined
        eventer.add(
          eventer.fdEvent(ours, Mask.READ, () => {
            eventer.removeFd(ours)
            done = aco.startNative('my_aco_process', int32(ours)).done
            return 0
          }),
        )
        await bench.until(() => done !== undefined, 'the callback')
        let answer = ''
        const complete = (): boolean => {
          answer += bench.drain(theirs)
          return answer.endsWith('second\n')
        }
        await bench.until(complete, 'the answer')
        expect(answer).toBe(`first ${turn}\nsecond\n`)
        bench.write(theirs, '\n')
        await done
      }
      bench.write(theirs, 'classic again')
      expect(bench.drain(ours)).toBe('classic again')
    }))

  it('A-AC-5 AC-28 LS-07 a listener of a native procedure serves 500 clients at once', () =>
    withAco(async (bench) => {
      aco.load(compileModule('examples/native/listen_to_me.c'))
      // More than it takes a busy machine to serve 500.
      expect(await call('set_patience', int64(PATIENCE_NS))).toBe(Number(TEN_SECONDS_NS))
      await withListener(bench, { native: 'listen_to_me', maxStack: 8192 }, async (listener) => {
        const expected = ['bye!\n', 'thanks!\nquitter!\n', 'thanks!\nbye!\n']
        // Each speaks as soon as it is connected, since its time runs from there.
        const ends = Array.from({ length: 500 }, async (_, n) =>
          converse(await client({ host: HOST, port: listener.port }), n % 3),
        )
        expect(await Promise.all(ends)).toEqual(ends.map((_, n) => expected[n % 3]))
        await bench.until(() => listener.connections === 0, 'the end of all connections')
      })
      expect(await call('set_patience', int64(TEN_SECONDS_NS))).toBe(Number(PATIENCE_NS))
    }))
})

/** Silence, or a word and another one, or a word and silence. */
async function converse(socket: Socket, kind: number): Promise<string> {
  if (kind === 0) return (await readAll(socket)).toString()
  socket.write('hello')
  const thanks = (await readBytes(socket, 8)).toString()
  if (kind === 1) socket.write('quit it')
  return thanks + (await readAll(socket)).toString()
}

describe.runIf(isNative)('a listener of a native procedure', () => {
  beforeAll(() => aco.load(compileModule('test/modules/procedures.c')))

  it('A-LS-8 closes what the procedure leaves open, and warns once (AC-28)', () =>
    withAco(async (bench) => {
      const warnings: string[] = []
      const heard = (warning: Error & { code?: string }) => void warnings.push(warning.code ?? '')
      process.on('warning', heard)
      try {
        await withListener(bench, { native: 'forgets' }, async (listener) => {
          for (let n = 0; n < 3; n++) {
            const socket = await client({ host: HOST, port: listener.port })
            socket.write('line\n')
            expect((await readAll(socket)).toString()).toBe('line\n')
          }
        })
        // It comes over the port of the loop, not over the socket.
        await until(() => warnings.length > 0, 'the warning')
        // For another one, which must not come.
        await pause(5)
      } finally {
        process.off('warning', heard)
      }
      expect(warnings).toEqual(['HEDDLE_ACO_NOT_CLOSED'])
    }))

  it('serves a limited number at a time, and leaves the others in the queue (LS-10)', () =>
    withAco((bench) =>
      withListener(
        bench,
        { native: 'forgets' },
        async (listener) => {
          const sockets = await Promise.all([1, 2, 3].map(() => client({ host: HOST, port: listener.port })))
          await bench.until(() => listener.connections === 1, 'the first')
          for (const socket of sockets) socket.write('line\n')
          expect((await Promise.all(sockets.map(readAll))).join('')).toBe('line\nline\nline\n')
        },
        { maxConnections: 1 },
      ),
    ))

  it('lets its connections go on when it closes, and is a listener like others (LS-01, LS-12)', () =>
    withAco((bench) =>
      withListener(bench, { native: 'forgets' }, async (listener, listeners) => {
        const peer = await client({ host: HOST, port: listener.port })
        await bench.until(() => listener.connections === 1, 'the connection')
        expect(await failureCode(listener.close({ drain: true }))).toBe('ERR_NOT_SUPPORTED')
        expect(codeOf(() => listeners.registerAco('serve', { native: 'forgets' }))).toBe('ERR_NAME_TAKEN')
        expect(codeOf(() => listeners.register('serve', {}))).toBe('ERR_NAME_TAKEN')
        await listener.close()
        await listener.close()
        expect(listener.connections).toBe(0)
        const another = client({ host: HOST, port: listener.port })
        expect(await failureCode(another)).toBe('ECONNREFUSED')
        peer.write('still\n')
        expect((await readAll(peer)).toString()).toBe('still\n')
      }),
    ))

  it('refuses what it cannot do', () =>
    withAco(async (bench) => {
      const listeners = new Listeners(bench.eventer.loops[0])
      const register = listeners.registerAco.bind(listeners) as (...args: unknown[]) => void
      for (const wrong of [7, undefined, { native: '' }, { native: 7 }, { native: 'forgets', maxStack: 1 }])
        expect(codeOf(() => register('wrong', wrong))).toBe('ERR_INVALID_ARGUMENT')
      listeners.registerAco('unknown', { native: 'nobody registered this' })
      expect(await failureCode(listeners.listen({ type: 'unknown', address: HOST, port: 0 }))).toBe('ENOENT')
      listeners.registerAco('good', { native: 'forgets' })
      const first = await listeners.listen({ type: 'good', address: HOST, port: 0 })
      const again = listeners.listen({ type: 'good', address: HOST, port: first.port })
      expect(await failureCode(again)).toBe('EADDRINUSE')
      await listeners.close()
      expect(taskBytes({})).toHaveLength(24)
    }))
})
