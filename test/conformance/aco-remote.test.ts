import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { aco } from '../../lib/aco'
import { Mask } from '../../lib/eventer'
import { isNative, withAco } from './aco-harness'
import { DIST } from './compiled'

const BODY = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { RemoteEventer } = require(workerData.folder + '/eventer')
  const remote = new RemoteEventer()
  parentPort.on('message', ({ call, ref }) => {
    const bytes = Buffer.alloc(8)
    try {
      const result = call === 'write' ? remote.write(ref, Buffer.from('hi')) : remote[call](ref, bytes)
      parentPort.postMessage({ result, text: bytes.toString('latin1', 0, result.n ?? 0) })
    } catch (error) {
      parentPort.postMessage({ code: error.code })
    }
  })
`

describe('events of coroutines on other threads', () => {
  it('A-AC-12 AC-16 are tried without waiting there, and the coroutine hears nothing of it', () =>
    withAco(async (bench) => {
      const [fd, peer] = bench.pair()
      const worker = new Worker(BODY, {
        eval: true,
        workerData: { folder: DIST },
      })
      const ask = (call: string, ref: unknown) =>
        new Promise((resolve) => {
          worker.once('message', resolve)
          worker.postMessage({ call, ref })
        })
      await aco.start(async () => {
        const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, () => 0))
        const into = Buffer.alloc(8)
        const reading = ev.read(into)
        if (isNative) {
          expect(await ask('read', ev.ref)).toMatchObject({ result: { again: true, need: Mask.READ } })
          expect(await ask('write', ev.ref)).toMatchObject({ result: { n: 2 } })
          expect(bench.drain(peer)).toBe('hi')
          expect(await ask('accept', ev.ref)).toMatchObject({ code: 'EINVAL' })
        } else {
          for (const call of ['read', 'write', 'accept'])
            expect(await ask(call, ev.ref)).toEqual({ code: 'ERR_NATIVE_REQUIRED' })
        }
        expect(ev.coroutine?.state).toBe('read')
        bench.write(peer, 'mine')
        expect(await reading).toBe(4)
        aco.release(ev).free()
      }).done
      await worker.terminate()
    }))

  it('AC-09 a worker that is terminated while coroutines wait takes everything with it', () =>
    withAco(async () => {
      const body = `
        const { parentPort, workerData } = require('node:worker_threads')
        const { aco } = require(workerData.folder + '/aco')
        const { Eventer, Mask } = require(workerData.folder + '/eventer')
        const { selectBackend } = require(workerData.folder + '/backend/select')
        const { sys } = selectBackend()
        Eventer.init().then((eventer) => {
          eventer.start()
          for (let n = 0; n < 50; n++) {
            const [fd, peer] = sys.pair()
            aco.start(async () => {
              const ev = aco.adopt(eventer.fdEvent(fd, Mask.READ, () => 0))
              const block = Buffer.alloc(1 << 20)
              if (n % 3 === 0) await ev.writeAll(block)
              else await ev.read(block, { timeout: n % 3 === 1 ? 60000 : undefined })
            })
          }
          parentPort.postMessage(aco.list().map(({ state }) => state))
        })
      `
      for (let round = 0; round < 3; round++) {
        const worker = new Worker(body, {
          eval: true,
          workerData: { folder: DIST },
        })
        const states = await new Promise<string[]>((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        })
        expect([states.filter((state) => state === 'read').length, states.length]).toEqual([33, 50])
        expect(await worker.terminate()).toBe(1)
      }
    }))
})
