import { describe, expect, it } from 'vitest'
import { failureOf } from '../thrown'
import { configOf, signal, turn, watch } from './sections-harness'

const TEXT = 'a { x = 1  b { y = 2 } }'

describe('locks of sections', () => {
  it('CX-01 A-CX-1 ten readers hold at once, a writer waits for all, later readers for the writer', async () => {
    const { sections: conf } = await configOf(TEXT)
    const ends = Array.from({ length: 10 }, signal)
    let held = 0
    const readers = ends.map(async ({ promise }) => {
      using section = await conf.readSection('/a')
      held++
      expect(conf.getInt32(section, 'x')).toBe(1)
      await promise
    })
    await turn()
    expect([held, conf.lockState().readers]).toEqual([10, 10])
    const written = signal()
    const writing = (async () => {
      await using section = await conf.writeSection('/a')
      conf.setInt32(section, 'x', 7)
      await written.promise
    })()
    await turn()
    expect(conf.lockState()).toMatchObject({ readers: 10, writer: undefined, waitingWriters: 1 })
    const late = conf.asOwner(() => conf.readSection('/a'))
    const seen = watch(late)
    for (const { give } of ends) {
      expect(conf.lockState().writer).toBeUndefined()
      give()
      await turn()
    }
    expect(seen.state).toBe('waits')
    expect(conf.lockState()).toMatchObject({ readers: 0, waitingReaders: 1, waitingWriters: 0 })
    expect(conf.lockState().writer?.kind).toBe('flow')
    written.give()
    await Promise.all([...readers, writing])
    using section = await late
    expect(conf.getInt32(section, 'x')).toBe(7)
  })

  it('CX-03 CX-04 A-CX-2 one owner takes it again in any way and order; it is locked until the last is released', async () => {
    const { sections: conf } = await configOf(TEXT)
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [0, 2, 1],
    ]
    for (const modes of ['rrr', 'wrr', 'wwr', 'www', 'wrw']) {
      for (const order of orders) {
        const held = await conf.asOwner(async () => {
          const all = []
          for (const mode of modes) all.push(await conf[mode === 'r' ? 'readSection' : 'writeSection']('/a'))
          expect(conf.lockState().depth).toBe(3)
          return all
        })
        const other = conf.asOwner(() => conf.writeSection('/a'))
        const seen = watch(other)
        for (const index of order) {
          await turn()
          expect(seen.state).toBe('waits')
          await held[index]!.release()
        }
        await (await other).release()
      }
    }
    expect(conf.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it('CX-03 CX-07 A-CX-5 needs no owner to be opened: a flow takes it again past a writer that waits', async () => {
    const { sections: conf } = await configOf(TEXT)
    using first = await conf.readSection('/a')
    const writer = conf.asOwner(() => conf.writeSection('/a'))
    await turn()
    const newcomer = conf.asOwner(() => conf.readSection('/a'))
    const seen = [watch(writer), watch(newcomer)]
    using second = await conf.readSection('/a/b')
    expect([first.isEmpty, second.isEmpty, conf.lockState().depth]).toEqual([false, false, 2])
    expect(seen.map(({ state }) => state)).toEqual(['waits', 'waits'])
    await second.release()
    await first.release()
    await (await writer).release()
    await (await newcomer).release()
  })

  it('CX-05 A-CX-3 refuses to write while only reading, at once, and the read section goes on', async () => {
    const { sections: conf } = await configOf(TEXT)
    const section = await conf.readSection('/a')
    const error = await failureOf(conf.writeSection('/a', { timeout: 0 }))
    expect(error.code).toBe('ERR_LOCK_UPGRADE')
    expect((await failureOf(conf.writeSection('/a/b'))).code).toBe('ERR_LOCK_UPGRADE')
    expect(conf.getInt32(section, 'x')).toBe(1)
    expect(conf.lockState()).toMatchObject({ readers: 1, depth: 1, waitingWriters: 0 })
    await section.release()
    await (await conf.writeSection('/a')).release()
  })

  it('CX-01 A-CX-6 refuses to release twice, and a released section is of no use', async () => {
    const { sections: conf } = await configOf(TEXT)
    const section = await conf.writeSection('/a')
    await section.release()
    expect((await failureOf(section.release())).code).toBe('ERR_LOCK_NOT_HELD')
    expect(() => conf.getString(section, 'x')).toThrow(expect.objectContaining({ code: 'ERR_RELEASED' }))
    expect(() => conf.setString(section, 'x', '1')).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_WRITABLE' }),
    )
    section[Symbol.dispose]()
    await section[Symbol.asyncDispose]()
    expect(conf.lockState()).toMatchObject({ readers: 0, writer: undefined, depth: 0 })
  })

  it('CX-01 waits no longer than it may: time-out, signal, at once', async () => {
    const { sections: conf } = await configOf(TEXT)
    const writer = await conf.asOwner(() => conf.writeSection('/a'))
    const abort = new AbortController()
    const reason = new Error('enough')
    const asks = conf.asOwner(() => [
      failureOf(conf.readSection('/a', { timeout: 0 })),
      failureOf(conf.writeSection('/a', { timeout: 1 })),
      failureOf(conf.readSection('/a', { signal: abort.signal })),
    ])
    abort.abort(reason)
    const [now, late, aborted] = await Promise.all(asks)
    expect([now!.code, late!.code, aborted]).toEqual(['ETIME', 'ETIME', reason])
    expect(await failureOf(conf.asOwner(() => conf.readSection('/a', { signal: abort.signal })))).toBe(reason)
    expect(conf.lockState()).toMatchObject({ waitingReaders: 0, waitingWriters: 0 })
    await writer.release()
    const free = await conf.readSection('/a', { signal: new AbortController().signal, timeout: 0 })
    await free.release()
  })

  it('CX-01 refuses arguments that are none', async () => {
    const { sections: conf } = await configOf(TEXT)
    const codes = await Promise.all(
      [
        conf.readSection('a b'),
        conf.readSection(7 as never),
        conf.readSection('/a', null as never),
        conf.readSection('/a', { timeout: -1 }),
        conf.readSection('/a', { signal: {} as never }),
        conf.readSection('/a', { owner: { id: 1 } as never }),
      ].map(async (ask) => (await failureOf(ask)).code),
    )
    expect(codes).toEqual(['ERR_CONFIG_PATH', 'ERR_CONFIG_PATH', ...Array(4).fill('ERR_INVALID_ARGUMENT')])
    expect(() => conf.asOwner(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(conf.lockState().readers).toBe(0)
  })
})
