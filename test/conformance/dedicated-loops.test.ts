import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Port } from '../../lib/backend/port'
import { In, Out } from '../../lib/backend/protocol'
import { selectBackend } from '../../lib/backend/select'
import { memtypes } from '../../lib/memory'
import { codeOf } from './eventer-harness'

const backend = selectBackend()
const { dedicatedLoops } = backend.capabilities
const OPTIONS = {
  maxSleepMs: 200,
  maxTimersPerPass: 1024,
  maxEventsPerWait: 1024,
  name: 'looms/7',
  dedicated: true,
}

function withPort(body: (port: Port) => Promise<void> | void): Promise<void> {
  const port = new Port(backend, OPTIONS)
  port.engine.start()
  return (async () => body(port))().finally(() => port.engine.close())
}

function threadNames(): string[] {
  return readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim())
}

/** Memory of loops with threads of their own that is in use, in blocks. */
function blocks(): number {
  const mine = ['port:batch', 'port:handed-over', 'loop:dedicated']
  return mine.reduce((sum, name) => sum + memtypes.stats(memtypes.byName(name)).live, 0)
}

const timer = (port: Port, handle: number, inMs: number) =>
  port.pushDouble(Out.TIMER_ADD, handle, performance.now() + inMs)

describe.runIf(!dedicatedLoops)('loops with threads of their own', () => {
  it('PO-01 are there on the native backend only', () => {
    expect(codeOf(() => new Port(backend, OPTIONS))).toBe('ENOTSUP')
  })
})

describe.runIf(dedicatedLoops)('a loop with a thread of its own', () => {
  it.runIf(process.platform === 'linux')('PO-01 names its thread, and takes it along', async () => {
    // It gives itself the name; and the system may list it for a moment after its end.
    const patience = { timeout: 60_000 }
    await withPort(() => expect.poll(threadNames, patience).toContain('looms/7'))
    await expect.poll(threadNames, patience).not.toContain('looms/7')
  })

  it('PO-01 may be closed by its own callback, in the middle of a batch', () =>
    withPort(async (port) => {
      const fired: number[] = []
      const closed = new Promise<void>((resolve) => {
        port.handle(In.TIMER, (at) => {
          fired.push(port.inbox[at + 1] as number)
          if (fired.length === 1) port.engine.close()
          if (fired.length === 3) resolve()
        })
      })
      for (const handle of [1, 2, 3]) timer(port, handle, 0)
      await closed
      expect(fired).toEqual([1, 2, 3])
      expect(port.engine.fdRemove(1, 1)).toBeLessThan(0)
    }))

  it('EV-03 stops and starts with what it has', () =>
    withPort(async (port) => {
      let fired = 0
      port.handle(In.TIMER, () => fired++)
      port.engine.stop()
      timer(port, 1, 0)
      port.engine.flush()
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(fired).toBe(0)
      expect(port.engine.stats().timers).toBe(1)
      port.engine.start()
      await expect.poll(() => fired).toBe(1)
    }))

  it('PO-01 reports an exception of a callback, and goes on with the batch', () =>
    withPort(async (port) => {
      const fired: number[] = []
      const errors: unknown[] = []
      const listeners = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => errors.push(error))
      try {
        port.handle(In.TIMER, (at) => {
          fired.push(port.inbox[at + 1] as number)
          throw new Error(`planned ${fired.length}`)
        })
        for (const handle of [1, 2, 3]) timer(port, handle, 0)
        await expect.poll(() => fired.length).toBe(3)
        expect(errors.map((error) => (error as Error).message)).toEqual([
          'planned 1',
          'planned 2',
          'planned 3',
        ])
      } finally {
        process.removeAllListeners('uncaughtException')
        for (const listener of listeners) process.on('uncaughtException', listener)
      }
    }))

  it('PO-01 gives all of its memory back', async () => {
    // An engine lets go of its memory when libuv has let go of its handles.
    await expect.poll(blocks).toBe(0)
    for (let round = 0; round < 20; round++) {
      await withPort(async (port) => {
        expect(blocks()).toBeGreaterThan(0)
        for (let handle = 1; handle <= round * 100; handle++) timer(port, handle, handle % 3)
        if (round % 3 === 0) await new Promise(setImmediate)
      })
    }
    await expect.poll(blocks).toBe(0)
  })
})
