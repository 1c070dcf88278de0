import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aco, type ResumeReport } from '../../lib/aco'
import { codeOf, failureCode, isNative, withAco } from './aco-harness'
import { compileLibrary, inWorkerOf } from './eventer-compiled'

const TARGET = { module: join(__dirname, 'aco-asynch-module.mjs'), export: 'body' }

let library: ReturnType<typeof compileLibrary>
beforeAll(() => {
  library = compileLibrary()
})
afterAll(() => library.dispose())

/** Runs a body in a worker thread, with `aco`, `Eventer` and `codeOf`. */
const inWorker = (body: string, data: unknown) =>
  inWorkerOf(library, { '{ aco }': 'aco/index.js', '{ Eventer }': 'eventer/index.js' }, body, data)

/** What the coroutine has left in this isolate, and the word is gone. */
function takeWord(): unknown {
  const word = (globalThis as { heddleWord?: unknown }).heddleWord
  Reflect.deleteProperty(globalThis, 'heddleWord')
  return word
}

describe('coroutines that another isolate starts', () => {
  it('AC-01 A-AC-1 from a thread without a loop run on the first loop of the one that started it', () =>
    withAco(async (bench) => {
      expect(await inWorker('return String(aco.start(data, { value: 42n }))', TARGET)).toBe('undefined')
      await bench.until(() => aco.stats().started === 1 && aco.stats().live === 0)
      expect(takeWord()).toEqual({ thread: threadId, value: { value: 42n } })
    }))

  it('AC-01 A-AC-1 run on the loop that is named', () =>
    withAco(
      async (bench) => {
        const owner = bench.eventer.loops[1]?.loopId
        const loops: string[] = []
        const listener = ({ co }: ResumeReport) => loops.push(`${co.name} ${co.loop.name}`)
        aco.on('resume', listener)
        await inWorker('aco.start(data.target, 7, { owner: data.owner, name: "far" })', {
          target: TARGET,
          owner,
        })
        await bench.until(() => aco.stats().started === 1 && aco.stats().live === 0)
        aco.off('resume', listener)
        expect(takeWord()).toEqual({ thread: threadId, value: 7 })
        expect(loops).toEqual(['far default/1'])
      },
      { loops: 2 },
    ))

  it('AC-01 A-AC-1 run at home where the thread has a loop of its own', () =>
    withAco(async () => {
      const [done, { thread }] = (await inWorker(
        `const eventer = await Eventer.init()
         eventer.start()
         const done = await aco.start(data, 1).done
         await eventer[Symbol.asyncDispose]()
         return [done, globalThis.heddleWord]`,
        TARGET,
      )) as [string, { thread: number }]
      expect(done).toBe('body default/0')
      expect(thread).not.toBe(threadId)
      expect(aco.stats().started).toBe(0)
    }))

  it('AC-01 errors are reported where it runs', () =>
    withAco(async (bench) => {
      const reports: { code?: string; callbackName?: string }[] = []
      bench.eventer.on('error', (error) => reports.push(error as never))
      await inWorker(
        'aco.start({ ...data, export: "fail" }, {}); aco.start({ ...data, export: "none" })',
        TARGET,
      )
      await bench.until(() => reports.length === 2)
      expect(reports.map(({ code, callbackName }) => [code, callbackName])).toEqual([
        ['ERR_CALLBACK', 'fail'],
        ['ERR_INVALID_ARGUMENT', 'none'],
      ])
    }))

  it('AC-01 what cannot be sent, or nobody takes', () =>
    withAco(async () => {
      const codes = await inWorker(
        `return [
           codeOf(() => aco.start(async () => {})),
           codeOf(() => aco.start(data, 1, { owner: 999999 })),
           codeOf(() => aco.start(data, 1, { signal: new AbortController().signal })),
           codeOf(() => aco.start({ module: 'x.mjs', export: 'y' })),
           codeOf(() => aco.start(data, Buffer.alloc(4 << 20))),
         ]`,
        TARGET,
      )
      // To the js backend a post is a message to whoever listens: nobody is no error.
      const gone = isNative ? 'ENOENT' : undefined
      expect(codes).toEqual([
        'ERR_NOT_INIT',
        gone,
        'ERR_INVALID_ARGUMENT',
        'ERR_INVALID_ARGUMENT',
        'EMSGSIZE',
      ])
    }))

  it('AC-01 without any eventer there is nowhere to run', async () => {
    expect(codeOf(() => aco.start(TARGET))).toBe('ERR_NOT_INIT')
    expect(await inWorker('return codeOf(() => aco.start(data))', TARGET)).toBe('ERR_NOT_INIT')
  })

  it('AC-01 an export may stand for a function at home as well', () =>
    withAco(async ({ eventer }) => {
      const owner = eventer.loops[0]
      const co = aco.start(TARGET, 5, { owner: owner.loopId, name: 'near' })
      expect(await co?.done).toBe('near default/0')
      expect(takeWord()).toEqual({ thread: threadId, value: 5 })
      const missing = aco.start({ ...TARGET, export: 'none' }, undefined, { owner })
      expect(await failureCode(missing?.done as Promise<unknown>)).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => aco.start(async () => {}, 1, { owner: owner.loopId }))).toBe('ERR_INVALID_ARGUMENT')
    }))
})
