import { constants } from 'node:os'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { In, MaskBit, Out } from '../../lib/backend/protocol'
import { temporaryFolder } from '../temporary-folder'
import { Bench } from './js-backend-bench'

const { errno } = constants
const buffer = (): Buffer => Buffer.alloc(16)

let bench: Bench
afterEach(() => bench.close())

describe('virtual descriptors', () => {
  it('FD-07 a pair carries bytes, says EAGAIN, then end of file', () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    expect(a).toBeGreaterThanOrEqual(1 << 20)
    expect(bench.sys.read(b, buffer())).toBe(-errno.EAGAIN)
    expect(bench.sys.write(a, Buffer.from('hi'))).toBe(2)
    const into = buffer()
    expect(bench.sys.read(b, into)).toBe(2)
    expect(into.toString('latin1', 0, 2)).toBe('hi')
    expect(bench.sys.close(a)).toBe(0)
    expect(bench.sys.close(a)).toBe(-errno.EBADF)
    expect(bench.sys.read(b, buffer())).toBe(0)
    expect(bench.sys.write(b, Buffer.from('x'))).toBe(-errno.EPIPE)
  })

  it('FD-07 a peer that closes with unread bytes resets', () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    bench.sys.write(a, Buffer.from('unread'))
    bench.sys.close(b)
    expect(bench.sys.read(a, buffer())).toBe(-errno.ECONNRESET)
    expect(bench.sys.read(a, buffer())).toBe(0)
  })

  it('holds 64 KiB each way', () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    expect(bench.sys.write(a, Buffer.alloc(100_000))).toBe(65536)
    expect(bench.sys.write(a, Buffer.alloc(1))).toBe(-errno.EAGAIN)
    expect(bench.sys.read(b, Buffer.alloc(100))).toBe(100)
    expect(bench.sys.write(a, Buffer.alloc(200))).toBe(100)
  })

  it('a pipe has a direction', () => {
    bench = new Bench()
    const [reader, writer] = bench.sys.pipe() as [number, number]
    expect(bench.sys.write(reader, buffer())).toBe(-errno.EBADF)
    expect(bench.sys.read(writer, buffer())).toBe(-errno.EBADF)
    bench.sys.close(reader)
    expect(bench.sys.write(writer, buffer())).toBe(-errno.EPIPE)
    bench.sys.close(writer)
  })

  it('FD-06 is level-triggered: what is left is reported again', async () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    bench.engine.fdAdd(1, b, MaskBit.READ)
    bench.on(In.FD, () => bench.sys.read(b, Buffer.alloc(1)))
    bench.sys.write(a, Buffer.from('abc'))
    bench.engine.start()
    await bench.until(() => bench.of(In.FD).length === 3)
    await bench.passes(2)
    expect(bench.of(In.FD).map(({ words }) => words)).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ])
  })

  it('reports the bits of the present mask, and EXCEPTION unasked (FD-15)', async () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    bench.engine.fdAdd(1, b, MaskBit.WRITE)
    bench.on(In.FD, ([, mask]) => mask === MaskBit.WRITE && bench.port.push2(Out.FD_MASK, 1, MaskBit.READ))
    bench.engine.start()
    await bench.passes(2)
    expect(bench.of(In.FD).map(({ words }) => words)).toEqual([[1, MaskBit.WRITE]])
    bench.sys.close(a)
    await bench.until(() => bench.of(In.FD).length > 1)
    expect(bench.of(In.FD)[1]!.words).toEqual([1, MaskBit.READ | MaskBit.EXCEPTION])
  })

  it('EK-11 watches a descriptor once, and refuses what it cannot watch', () => {
    bench = new Bench()
    const [a] = bench.pair()
    expect(bench.engine.fdAdd(1, a, MaskBit.READ)).toBe(0)
    expect(bench.engine.fdAdd(2, a, MaskBit.READ)).toBe(-errno.EEXIST)
    expect(bench.engine.fdRemove(2, a)).toBe(-errno.ENOENT)
    expect(bench.engine.fdRemove(1, a)).toBe(0)
    expect(bench.engine.fdRemove(1, a)).toBe(-errno.ENOENT)
    expect(bench.engine.fdAdd(1, -1, MaskBit.READ)).toBe(-errno.EBADF)
    expect(bench.engine.fdAdd(1, 99_999, MaskBit.READ)).toBe(-errno.EBADF)
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    const file = openSync(join(folder, 'file'), 'r')
    expect(bench.engine.fdAdd(1, file, MaskBit.READ)).toBe(-errno.EPERM)
    closeSync(file)
    const device = openSync('/dev/null', 'r')
    expect(bench.engine.fdAdd(1, device, MaskBit.READ)).toBe(-errno.ENOTSUP)
    closeSync(device)
  })

  it('a watch whose descriptor is closed is gone, even when the number is used again', async () => {
    bench = new Bench()
    const [a] = bench.pair()
    bench.engine.fdAdd(1, a, MaskBit.WRITE)
    bench.sys.close(a)
    const [again, peer] = bench.pair()
    expect([again, peer]).toContain(a)
    bench.engine.start()
    await bench.passes(2)
    expect(bench.of(In.FD)).toEqual([])
    expect(bench.engine.fdAdd(2, a, MaskBit.WRITE)).toBe(0)
    await bench.until(() => bench.of(In.FD).length > 0)
    expect(bench.of(In.FD)[0]!.words[0]).toBe(2)
  })

  it('FD-09 fdClose reports its request with the outcome', async () => {
    bench = new Bench()
    const [a] = bench.pair()
    bench.engine.fdClose(7, a)
    bench.engine.fdClose(8, a)
    bench.engine.start()
    await bench.until(() => bench.of(In.FD_CLOSED).length === 2)
    expect(bench.of(In.FD_CLOSED).map(({ words }) => words)).toEqual([
      [7, 0],
      [8, errno.EBADF],
    ])
  })

  it('FD-08 listenFd, connectFd and accept behave as the calls of the system', async () => {
    bench = new Bench()
    const { sys } = bench
    const listening = sys.listenFd({ kind: 'tcp', host: '127.0.0.1', port: 0, backlog: 5 })
    const { port } = sys.address(listening, false)!
    expect(sys.accept(listening)).toBe(-errno.EAGAIN)
    expect(sys.listenFd({ kind: 'tcp', host: '127.0.0.1', port, backlog: 5 })).toBe(-errno.EADDRINUSE)
    const client = sys.connectFd({ kind: 'tcp', host: '127.0.0.1', port })
    bench.engine.fdAdd(1, client, MaskBit.WRITE)
    bench.engine.fdAdd(2, listening, MaskBit.READ)
    bench.engine.start()
    await bench.until(() => new Set(bench.of(In.FD).map(({ words }) => words[0])).size === 2)
    expect(sys.socketError(client)).toBe(0)
    const accepted = sys.accept(listening)
    expect(accepted).toBeGreaterThanOrEqual(1 << 20)
    expect(sys.descriptorFlags(accepted)).toBe(3)
    expect(sys.write(client, Buffer.from('ping'))).toBe(4)
    await bench.until(() => sys.read(accepted, buffer()) === 4)
    for (const fd of [client, accepted, listening]) expect(sys.close(fd)).toBe(0)
  })

  it('EV-21 reads the descriptor limit and refuses to raise it', () => {
    bench = new Bench()
    const limit = bench.sys.descriptorLimit()
    expect(limit).toBeGreaterThan(0)
    expect(bench.sys.descriptorLimit(256)).toBe(limit)
    expect(bench.sys.descriptorLimit(limit + 1)).toBe(-errno.ENOTSUP)
  })
})

describe('loops of other backends', () => {
  it('EV-07 EV-24 post, trigger and wake by loop id', async () => {
    bench = new Bench({ maxSleepMs: 60_000 })
    const other = new Bench()
    bench.engine.start()
    await bench.passes(1)
    const id = bench.engine.loopId
    await bench.until(() => other.backend.wake(id) === 0)
    expect(other.backend.trigger(id, 5, 3)).toBe(0)
    expect(other.backend.post(id, Buffer.from('bytes'))).toBe(0)
    expect(bench.backend.post(id, Buffer.from('own'))).toBe(0)
    await bench.until(() => bench.of(In.POST).length === 2 && bench.of(In.TRIGGER).length === 1)
    expect(bench.of(In.TRIGGER)[0]!.words).toEqual([5, 3])
    expect(
      bench
        .of(In.POST)
        .map(({ text }) => text)
        .sort(),
    ).toEqual(['bytes', 'own'])
    other.close()
  })

  it('knows nothing of loops that are closed or never were', async () => {
    bench = new Bench()
    const other = new Bench()
    const id = other.engine.loopId
    expect(id).not.toBe(bench.engine.loopId)
    other.close()
    expect(other.backend.wake(id)).toBe(-errno.ENOENT)
    expect(bench.backend.wake(id)).toBe(-errno.ENOENT)
    expect(bench.backend.post(0, Buffer.from(''))).toBe(-errno.ENOENT)
    expect(bench.backend.post(bench.engine.loopId, Buffer.alloc(1 << 20))).toBe(-errno.EMSGSIZE)
  })
})
