import { AsyncLocalStorage } from 'node:async_hooks'
import { pathToFileURL } from 'node:url'
import { type MessagePort, markAsUntransferable, threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { HeddleError } from '../../lib/errors'
import { Eventer } from '../../lib/eventer'
import type { JobQueue } from '../../lib/jobq'
import type { WorkerHost } from '../../lib/jobq/worker-host'
import {
  backend,
  blocked,
  codeOf,
  failure,
  failureCode,
  MODULE,
  of,
  settled,
  sharedCells,
  withJobqs,
} from './jobq-harness'

/** Runs a case with a queue of its own. */
const withQueue = (body: (queue: JobQueue) => Promise<void>) =>
  withJobqs((jobqs) => body(jobqs.create('case')))

describe('jobs of a queue', () => {
  it('AS-12 run on another thread and give back what they return', () =>
    withQueue(async (queue) => {
      expect(await queue.run(of('add'), { a: 2, b: 3 })).toBe(5)
      expect(await queue.run({ module: MODULE, export: 'add' }, { a: 'x', b: 'y' })).toBe('xy')
      expect(await queue.run({ module: pathToFileURL(MODULE), export: 'add' }, { a: 1n, b: 2n })).toBe(3n)
      expect(await queue.run(of('whereAmI'))).not.toBe(threadId)
      expect(await queue.run(of('laterEcho'), 'later')).toBe('later')
      expect(await queue.run(of('nothing'))).toBe(undefined)
    }))

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['numbers', [0, -0, 1.5, Number.NaN, -1e300, 2 ** 31, -(2 ** 31), Number.POSITIVE_INFINITY]],
    ['text', ['', 'ä', 'plain', '\ud800 alone', '漢字'.repeat(40), 'x'.repeat(100_000)]],
    ['bigints', [0n, -1n, 2n ** 63n - 1n, 2n ** 200n]],
    ['a flat object', { a: 1, b: 'x', ä: null, 7: true, ['__proto__']: { x: 1 } }],
    ['nested', { deep: [{ er: [{ still: [{ more: [1, [2]] }] }] }] }],
    ['holes', Object.assign(new Array(3), { 0: 1, 2: 3 })],
    ['maps and sets', new Map<unknown, unknown>([[new Date(5), new Set([/x/g])]])],
    ['bytes', new Uint8Array([1, 2, 3])],
    [
      'bytes within',
      { bytes: new Uint8Array([1, 2]), more: [new Float64Array([1.5])], none: new Uint8Array() },
    ],
    ['a buffer', Buffer.from('text')],
    ['memory', new Uint8Array([9, 8]).buffer],
    ['many bytes', new Uint8Array(70_000).fill(3)],
    ['many members', Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`m${n}`, n]))],
    ['an error', new RangeError('as a value')],
  ])('AS-12 carry %s there and back', (_, value) =>
    withQueue(async (queue) => {
      expect(await queue.run(of('echo'), value)).toStrictEqual(structuredCloneOf(value))
    }),
  )

  it('AS-12 keep who is who within a value', () =>
    withQueue(async (queue) => {
      const one = { name: 'one' }
      const circle: { self?: unknown; twice: unknown[] } = { twice: [one, one] }
      circle.self = circle
      const back = await queue.run<typeof circle>(of('echo'), circle)
      expect(back.self).toBe(back)
      expect(back.twice[0]).toBe(back.twice[1])
    }))

  it('AS-12 share what is shared memory, and nothing else', () =>
    withQueue(async (queue) => {
      const cells = sharedCells()
      const bytes = new Uint8Array([1])
      const back = await queue.run<{ cells: Int32Array; bytes: Uint8Array }>(of('echo'), { cells, bytes })
      cells[1] = 77
      bytes[0] = 2
      expect(back.cells[1]).toBe(77)
      expect(back.bytes[0]).toBe(1)
    }))

  it('AS-12 take what is moved away from here', () =>
    withQueue(async (queue) => {
      for (const size of [10, 100_000, 4 << 20]) {
        const bytes = new Uint8Array(size).fill(5)
        const back = await queue.run<Uint8Array>(of('echo'), bytes, { transfer: [bytes.buffer] })
        expect(bytes.length).toBe(0)
        expect([back.length, back[size - 1]]).toEqual([size, 5])
      }
      const { port1, port2 } = new MessageChannel()
      const heard = queue.run(of('hear'), { port: port2 }, { transfer: [port2 as never] })
      port1.postMessage('over there')
      expect(await heard).toBe('over there')
    }))

  it('AS-12 move their results', () =>
    withQueue(async (queue) => {
      for (const size of [10, 100_000, 4 << 20]) {
        const memory = await queue.run<ArrayBuffer>(of('move'), size)
        expect([memory.byteLength, new Uint8Array(memory)[size - 1]]).toEqual([size, 7])
        expect(await queue.run(of('wasMoved'))).toBe(true)
      }
      const { port } = await queue.run<{ port: MessagePort }>(of('movePort'))
      const message = await new Promise((resolve) => {
        port.once('message', resolve)
      })
      port.close()
      expect(message).toBe('from afar')
    }))

  it.each<[string, () => ArrayBuffer]>([
    ['the pool of Buffers', () => Buffer.from('pooled').buffer as ArrayBuffer],
    ['memory of WebAssembly', memoryOfWebAssembly],
    ['little that is marked', () => marked(5)],
    ['some that is marked', () => marked(100_000)],
    ['much that is marked', () => marked(2 << 20)],
  ])('AS-12 are none where something cannot be moved: %s', (_, make) =>
    withQueue(async (queue) => {
      const memory = make()
      const size = memory.byteLength
      for (const arg of [new Uint8Array(memory), { memory }])
        for (const options of [{ transfer: [memory] }, { transfer: [memory], priority: 1 }])
          expect((await failure(queue.run(of('echo'), arg, options))).name).toBe('DataCloneError')
      expect(memory.byteLength).toBe(size)
      expect(queue.stats()).toMatchObject({ total: 0, backlog: 0, inflight: 0 })
    }),
  )

  it('AS-12 are none where something is moved twice, or is nothing to be moved', () =>
    withQueue(async (queue) => {
      for (const size of [10, 100_000, 2 << 20]) {
        const memory = new ArrayBuffer(size)
        for (const more of [memory, new Uint8Array(1), 5, undefined, new SharedArrayBuffer(1)]) {
          const job = queue.run(of('echo'), memory, { transfer: [memory, more] as never })
          expect((await failure(job)).name).toBe('DataCloneError')
        }
        expect(memory.byteLength).toBe(size)
      }
      expect(queue.stats().total).toBe(0)
    }))

  it('AS-12 fail where their result moves what cannot be moved, or no list', () =>
    withQueue(async (queue) => {
      for (const what of ['pool', 'wasm', 'marked'])
        expect((await failure(queue.run(of('moveStuck'), what))).name).toBe('DataCloneError')
      for (const size of [10, 2 << 20])
        expect((await failure(queue.run(of('moveTwice'), size))).name).toBe('DataCloneError')
      for (const list of [5, 'all', {}])
        expect(await failureCode(queue.run(of('moveNothing'), list))).toBe('ERR_INVALID_ARGUMENT')
      expect(await queue.run(of('moveNothing'), undefined)).toBe(1)
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
      expect((queue.mail as WorkerHost).unclaimed).toBe(0)
    }))

  it('AS-12 take a list that runs code when it is read', () =>
    withQueue(async (queue) => {
      const bytes = new Uint8Array(8).fill(1)
      const list = [bytes.buffer]
      let other: Promise<unknown> | undefined
      list[Symbol.iterator] = function* () {
        other ??= queue.run(of('echo'), new Uint8Array(8).fill(2))
        yield bytes.buffer
      } as never
      const back = await queue.run<Uint8Array>(of('echo'), bytes, { transfer: list })
      expect([back[0], bytes.length]).toEqual([1, 0])
      expect(await other).toEqual(new Uint8Array(8).fill(2))
    }))

  it('A-AS-4 [AS-11] reject with the error of the work: class, name, message, code, members, cause and stack', () =>
    withQueue(async (queue) => {
      const error = await failure(queue.run(of('fail'), { text: 'over there', code: 'EMINE' }))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ message: 'over there', code: 'EMINE', extra: { deep: [1] } })
      expect(error.stack).toContain('jobq-module.mjs')
      const outer = await failure(queue.run(of('failWithCause')))
      expect(outer).toBeInstanceOf(RangeError)
      expect(outer.cause).toMatchObject({ message: 'inside', code: 'EINSIDE' })
      const together = (await failure(queue.run(of('failTogether')))) as AggregateError
      expect(together.errors).toMatchObject([{ name: 'TypeError', message: 'one' }, 'two'])
      expect(await failure(queue.run(of('failAborted')))).toMatchObject({ name: 'AbortError' })
      expect(await failure(queue.run(of('failLater')))).toBeInstanceOf(SyntaxError)
    }))

  it('AS-11 reject with what is thrown in the place of an error', () =>
    withQueue(async (queue) => {
      expect(await failure(queue.run(of('failOddly'), 'text'))).toBe('just text')
      expect(await failure(queue.run(of('failOddly'), 'number'))).toBe(5)
      expect(await failure(queue.run(of('failOddly'), 'undefined'))).toBe(undefined)
      expect(await failure(queue.run(of('failOddly'), 'closure'))).toMatchObject({
        message: 'odd',
        code: 'EODD',
      })
      for (const odd of ['function', 'symbol', 'getter'])
        expect((await failure(queue.run(of('failOddly'), odd))).message).toMatch('cannot be cloned')
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))

  it('AS-12 say what cannot be returned, and go on', () =>
    withQueue(async (queue) => {
      expect((await failure(queue.run(of('returnOddly'), 'function'))).name).toBe('DataCloneError')
      expect((await failure(queue.run(of('returnOddly'), 'nested'))).name).toBe('DataCloneError')
      expect((await failure(queue.run(of('returnOddly'), 'getter'))).message).toBe('the getter')
      expect((await failure(queue.run(of('returnOddly'), 'badThen'))).message).toBe('the then')
      expect(await queue.run(of('returnOddly'), 'thenable')).toBe('first')
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))

  it('AS-12 say what cannot be sent, found or called', () =>
    withQueue(async (queue) => {
      expect((await failure(queue.run(of('echo'), () => {}))).name).toBe('DataCloneError')
      expect((await failure(queue.run(of('echo'), { deep: Symbol('x') }))).name).toBe('DataCloneError')
      const trap = {
        get trap() {
          throw new Error('a getter here')
        },
      }
      expect((await failure(queue.run(of('echo'), trap))).message).toBe('a getter here')
      expect(await failureCode(queue.run(of('noSuchThing')))).toBe('ERR_INVALID_ARGUMENT')
      expect(await failureCode(queue.run(of('notAFunction')))).toBe('ERR_INVALID_ARGUMENT')
      expect(await failureCode(queue.run({ module: `${MODULE}.js`, export: 'x' }))).toBe(
        'ERR_MODULE_NOT_FOUND',
      )
      for (const target of [() => {}, undefined, null, 'add', { module: MODULE }, { export: 'add' }])
        expect(await failureCode(queue.run(target as never))).toBe('ERR_INVALID_ARGUMENT')
      for (const target of [
        { module: './here.mjs', export: 'add' },
        { module: MODULE, export: '' },
        { module: 'native:', export: 'heddle:nothing' },
        { module: Symbol('m'), export: 'x' },
      ])
        expect(await failureCode(queue.run(target as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(await failureCode(queue.run({ native: 'heddle:nothing' }))).toBe('EINVAL')
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 0 })
    }))

  it('AS-12 refuse options that mean nothing', () =>
    withQueue(async (queue) => {
      for (const options of [
        null,
        { signal: {} },
        { subqueue: 1 },
        { subqueue: -1n },
        { subqueue: 1n << 64n },
        { priority: 1.5 },
        { priority: 2 ** 40 },
        { runTimeout: 0 },
        { runTimeout: '5' },
        { cancel: 'hard' },
        { overflow: 'drop' },
        { transfer: 'all' },
        { cleanup: 'x' },
      ])
        expect(await failureCode(queue.run(of('echo'), 1, options as never)), String(options)).toBe(
          'ERR_INVALID_ARGUMENT',
        )
      for (const deadline of ['soon', Number.NaN])
        expect(await failureCode(queue.run(of('echo'), 1, { deadline: deadline as never }))).toBe('EINVAL')
    }))

  it('AS-06 AS-07 refuse options of a dependent that mean nothing, and go on in the same thread', () =>
    withQueue(async (queue) => {
      queue.setConcurrency(2)
      const dependent = await queue.run<unknown[]>(of('addWell'))
      expect(dependent.slice(0, 2)).toEqual(['case', 7n])
      queue.setConcurrency(1)
      const { total, timeouts } = queue.stats()
      const { codes, worker } = await queue.run<{ codes: string[]; worker: number }>(of('addBadly'))
      expect(codes).toEqual(Array(8).fill('ERR_INVALID_ARGUMENT'))
      expect(await queue.run(of('whereAmI'))).toBe(worker)
      expect(queue.stats()).toMatchObject({ total: total + 2, timeouts, backlog: 0, inflight: 0 })
    }))

  it('AS-12 may be submitted by a getter of an argument', () =>
    withQueue(async (queue) => {
      const inner: Promise<unknown>[] = []
      const outer = {
        first: 'first',
        get second() {
          inner.push(queue.run(of('echo'), { by: 'the getter' }))
          return 'second'
        },
      }
      expect(await queue.run(of('echo'), outer)).toEqual({ first: 'first', second: 'second' })
      expect(await inner[0]).toEqual({ by: 'the getter' })
    }))

  it('A-EV-13 keep the async context of the caller', () =>
    withQueue(async (queue) => {
      const storage = new AsyncLocalStorage<number>()
      const seen = await Promise.all(
        [1, 2, 3].map((n) =>
          storage.run(n, async () => {
            await queue.run(of('laterEcho'), n)
            return storage.getStore()
          }),
        ),
      )
      expect(seen).toEqual([1, 2, 3])
    }))

  it('AS-07, AS-09 know themselves', () =>
    withQueue(async (queue) => {
      const seen = await queue.run(of('describeJob'), undefined, { subqueue: 2n ** 63n + 5n })
      expect(seen).toEqual(['case', 2n ** 63n + 5n, false, false, true, true])
      expect(await queue.run(of('noJobOutside'))).toBe('case')
    }))

  it('JQ-17 those with a higher priority go first, in the order of their coming', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const cells = sharedCells(10)
      const jobs = [0, 5, -1, 5, 0].map((priority, value) =>
        queue.run(of('order'), { cells, value: value + 1 }, { priority }),
      )
      await letGo()
      await Promise.all(jobs)
      expect([...cells.subarray(2, 7)]).toEqual([2, 4, 1, 5, 3])
    }))

  it('AS-12 two thousand of them: each is settled once, with its own value', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { concurrency: 2 })
      const values = await Promise.all(
        Array.from({ length: 2000 }, (_, n) => queue.run(of(n % 3 ? 'echo' : 'laterEcho'), { n })),
      )
      expect(values.every((value, n) => (value as { n: number }).n === n)).toBe(true)
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 0, total: 2000, timeouts: 0 })
    }))

  it('JQ-13 what waits when the eventer ends rejects, and what runs is cut off', async () => {
    const eventer = await Eventer.init({ backend })
    eventer.start()
    const { queue, held } = await blockedIn(eventer)
    const waiting = [1, 2, 3].map((n) => failureCode(queue.run(of('echo'), n)))
    await eventer[Symbol.asyncDispose]()
    expect(await Promise.all(waiting)).toEqual(Array(3).fill('ERR_JOBQ_SHUTDOWN'))
    expect(await held).toBe('ERR_WORKER_DIED')
    expect(() => eventer.jobqs).toThrow(HeddleError)
    const again = await Eventer.init({ backend })
    expect(again.jobqs.get('case'), 'the name is free').toBe(undefined)
    await again[Symbol.asyncDispose]()
  })
})

describe('A queue beyond its eventer', () => {
  it('JQ-13 what waits for native threads when the eventer ends rejects', async () => {
    const eventer = await Eventer.init({ backend })
    eventer.start()
    const queue = eventer.jobqs.create('paused', { kind: 'native' })
    const target = { native: 'heddle:nothing' }
    await queue.run(target)
    queue.pause()
    const waiting = [undefined, {}, { priority: 1 }].map((options) =>
      failureCode(queue.run(target, undefined, options)),
    )
    await eventer[Symbol.asyncDispose]()
    expect(await Promise.all(waiting)).toEqual(Array(3).fill('ERR_JOBQ_SHUTDOWN'))
    const again = await Eventer.init({ backend })
    expect(again.jobqs.get('paused'), 'the name is free').toBe(undefined)
    await again[Symbol.asyncDispose]()
  })

  it('JQ-13 rejects what it is given, and waits for nothing', async () => {
    const eventer = await Eventer.init({ backend })
    eventer.start()
    const { jobqs } = eventer
    const queue = jobqs.create('case')
    const native = jobqs.native
    const { desk } = jobqs
    await eventer[Symbol.asyncDispose]()
    for (const [one, target] of [
      [queue, of('echo')],
      [native, { native: 'heddle:nothing' }],
    ] as const) {
      expect(await failureCode(one.run(target))).toBe('ERR_JOBQ_SHUTDOWN')
      for (const options of [{}, { priority: 1 }, { overflow: 'reject' }, { overflow: 'wait' }] as const)
        expect(await failureCode(one.run(target, undefined, options))).toBe('ERR_JOBQ_SHUTDOWN')
    }
    await queue.drain()
    expect(await failureCode(native.drain())).toBe('ERR_JOBQ_SHUTDOWN')
    expect(codeOf(() => queue.stats())).toBe('ERR_CLOSED')
    expect(codeOf(() => queue.setConcurrency(2))).toBe('ERR_CLOSED')
    expect(desk.pending).toBe(0)
  })

  it('JQ-13 a drain that another isolate would have answered ends with the eventer', async () => {
    const eventer = await Eventer.init({ backend })
    const { jobqs } = eventer
    // Not started, so nobody hears that the queue is drained.
    const drained = failureCode(jobqs.create('case').drain())
    await eventer[Symbol.asyncDispose]()
    expect(await drained).toBe('ERR_JOBQ_SHUTDOWN')
    expect(jobqs.desk.pending).toBe(0)
  })
})

/** The types of this project know nothing of it. */
function memoryOfWebAssembly(): ArrayBuffer {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { Memory: new (pages: { initial: number }) => { buffer: ArrayBuffer } }
  }
  return new WebAssembly.Memory({ initial: 1 }).buffer
}

function marked(size: number): ArrayBuffer {
  const memory = new ArrayBuffer(size)
  markAsUntransferable(memory)
  return memory
}

async function blockedIn(eventer: Eventer) {
  const queue = eventer.jobqs.create('case')
  const cells = sharedCells()
  const held = failureCode(queue.run(of('held'), { cells }))
  await settled(() => cells[1] === 1)
  return { queue, held }
}

/** As a worker would get it: Buffers stay what they are. */
function structuredCloneOf(value: unknown): unknown {
  return Buffer.isBuffer(value) ? Buffer.from(value) : structuredClone(value)
}
