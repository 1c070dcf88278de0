import { describe, expect, it } from 'vitest'
import { memtypes, safe } from '../../lib/memory'
import { runChild } from './memory-child'
import { freshModule, isNative } from './memory-harness'

/** Newer versions of V8 can move a buffer's bytes to another one, by which ours are out of reach. */
const FLAGS = ['--expose-gc', ...('transfer' in ArrayBuffer.prototype ? [] : ['--harmony-rab-gsab-transfer'])]

const PREPARE = `
  const { memtypes, safe } = heddle
  const type = memtypes.register({ description: 'child:v', kind: 'vsize' })
  const bytes = (view) => [...new Set(view)]
  const others = () => Array.from({ length: 200 }, () => {
    const block = memtypes.mallocSize(type, 64)
    block.view().fill(2)
    const other = safe.from(new Uint8Array(64).fill(3))
    return () => { block.free(); other.free() }
  })
  const collected = async (done) => {
    while (!done()) { gc(); await new Promise((resolve) => setTimeout(resolve, 1)) }
    return true
  }`

describe('a view whose buffer is sent away', () => {
  it('MT-07 SM-11 as a transfer is copied or refused by Node, and the block stays whole', () => {
    const type = memtypes.register({ description: `${freshModule()}:v`, kind: 'vsize' })
    const block = memtypes.mallocSize(type, 64)
    const shared = safe.from(new Uint8Array(64).fill(1))
    block.view().fill(1)
    const copies: Uint8Array[] = []
    for (const view of [block.view(), shared.view()]) {
      const buffer = view.buffer as ArrayBuffer
      try {
        copies.push(new Uint8Array(structuredClone(buffer, { transfer: [buffer] })))
      } catch (error) {
        expect((error as Error).name).toBe('DataCloneError')
      }
      if (isNative) expect(view).toHaveLength(64)
    }
    block.free()
    shared.free()
    const other = memtypes.mallocSize(type, 64)
    other.view().fill(2)
    for (const copy of copies) expect([...new Set(copy)]).toEqual([1])
    other.free()
    expect(memtypes.stats(type).live).toBe(0)
  })

  it('MT-07 by ArrayBuffer.transfer keeps its bytes, and the block goes when nobody has them', async () => {
    const ended = await runChild(
      `${PREPARE}
      const make = () => {
        const block = memtypes.mallocSize(type, 64)
        block.view().fill(1)
        const elsewhere = new Uint8Array(block.view().buffer.transfer())
        return [block, elsewhere]
      }
      const cases = Array.from({ length: 4 }, make)
      const stale = codeOf(() => cases[0][0].view())
      cases[0][0].free()
      const longer = memtypes.realloc(type, cases[1][0], 100)
      longer.view().subarray(64).fill(1)
      const seen = [stale, bytes(longer.view()), longer.size]
      cases[2][0][Symbol.dispose]()
      const kept = cases[3][0]
      if (memtypes.engine !== 'javascript') memtypes.adopt(kept.release()).free()
      else kept.free()
      longer.free()
      const ends = others()
      seen.push(...cases.map(([, elsewhere]) => bytes(elsewhere)))
      for (const end of ends) end()
      cases.length = 0
      print([...seen, await collected(() => memtypes.stats(type).live === 0)])`,
      {},
      FLAGS,
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const moved = isNative ? [1] : [0, 1]
    const [stale, kept, size, ...rest] = JSON.parse(ended.stdout)
    expect([stale, size]).toEqual(['ERR_STALE_BLOCK', 100])
    // On the js backend the bytes are the block's no longer once they are carried away.
    expect([...kept].sort()).toEqual(moved)
    expect(rest).toEqual([[1], [1], [1], [1], true])
  })

  it('SM-09 SM-11 of a safe block holds its release back until nobody has the bytes', async () => {
    const ended = await runChild(
      `${PREPARE}
      const keeping = setInterval(() => {}, 1000)
      heddle.memory.configure({ smr: { asynch: false } })
      let reclaimed = 0
      const block = safe.from(new Uint8Array(64).fill(1), { onReclaim: () => reclaimed++ })
      let elsewhere = new Uint8Array(block.view().buffer.transfer())
      block.free()
      await safe.maintain('barrier')
      const ends = others()
      const seen = [bytes(elsewhere), reclaimed]
      for (const end of ends) end()
      elsewhere = undefined
      await collected(() => { safe.maintain('try'); return reclaimed === 1 })
      await safe.maintain('barrier')
      const { freesRequested, freesCompleted } = safe.stats()
      clearInterval(keeping)
      print([...seen, reclaimed, freesRequested - freesCompleted])`,
      {},
      FLAGS,
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual([[1], isNative ? 0 : 1, 1, 0])
  })

  it('MT-07 SM-09 outlives the isolate that made the block', async () => {
    const ended = await runChild(
      `${PREPARE}
      const { once } = require('node:events')
      const { Worker } = require('node:worker_threads')
      const worker = new Worker(\`
        const { memtypes, safe } = \${LOAD}
        const type = memtypes.register({ description: 'child:v', kind: 'vsize' })
        const block = memtypes.mallocSize(type, 64)
        block.view().fill(1)
        const freed = memtypes.mallocSize(type, 64)
        freed.view().fill(1)
        const shared = safe.from(new Uint8Array(64).fill(1))
        const buffers = [block, freed, shared].map((each) => each.view().buffer.transfer())
        const plain = memtypes.mallocSize(type, 64).view()
        freed.free()
        shared.free()
        require('node:worker_threads').parentPort.postMessage(buffers, buffers)
        setInterval(() => {}, 1000)\`, { eval: true })
      const [buffers] = await once(worker, 'message')
      await worker.terminate()
      await safe.maintain('barrier')
      const ends = others()
      print(buffers.map((buffer) => [buffer.byteLength, ...bytes(new Uint8Array(buffer))]))
      for (const end of ends) end()`,
      {},
      FLAGS,
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ended.stdout)).toEqual([
      [64, 1],
      [64, 1],
      [64, 1],
    ])
  })
})
