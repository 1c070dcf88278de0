import { describe, expect, it } from 'vitest'
import { runChild } from './memory-child'
import { isNative } from './memory-harness'

describe.runIf(isNative)('the buffers of views', () => {
  // What waits for the collector is given back on another thread, and not safely while its isolate ends.
  it('MT-07 SM-09 go with what they show, and leave nothing to the collector', async () => {
    const ended = await runChild(
      `const { memtypes, safe } = heddle
      const VIEWS = 500
      const type = memtypes.register({ description: 'child:f', kind: 'fixed', size: 64 })
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const gone = async (view) => {
        do await turn()
        while (view.length > 0)
      }
      const bytesLeft = async (freedView) => {
        await gone(freedView())
        gc()
        await turn()
        const before = process.memoryUsage().external
        let last
        for (let i = 0; i < VIEWS; i++) last = freedView()
        await gone(last)
        return (process.memoryUsage().external - before) / VIEWS
      }
      const viewOf = (block) => {
        const view = block.view()
        block.free()
        return view
      }
      print([await bytesLeft(() => viewOf(memtypes.malloc(type))), await bytesLeft(() => viewOf(safe.alloc(64)))])`,
      {},
      ['--expose-gc'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    // Beside each view there was a buffer of one byte, which V8 counts for as long as it has it.
    for (const bytes of JSON.parse(ended.stdout)) expect(bytes).toBeLessThan(0.5)
  })
})
