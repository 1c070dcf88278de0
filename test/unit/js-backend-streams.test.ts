import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { CloseReason, In, Out } from '../../lib/backend/protocol'
import { Bench, TCP, connectSpec } from './js-backend-bench'

let bench: Bench
afterEach(() => bench.close())

async function pairOfConnections(more = {}): Promise<{ server: number; client: number }> {
  bench = new Bench()
  const listener = bench.engine.listen({ ...TCP, ...more })
  expect(listener).toBeGreaterThan(0)
  const { port } = bench.engine.listenerAddress(listener)!
  const client = bench.engine.connect(connectSpec(port, { autoClose: false }))
  bench.engine.start()
  await bench.until(() => bench.of(In.ACCEPT).length === 1 && bench.of(In.CONNECT).length === 1)
  expect(bench.of(In.CONNECT)[0]!.words).toEqual([client, 0])
  return { server: bench.of(In.ACCEPT)[0]!.words[1]!, client }
}

describe('js engine connections', () => {
  it('LS-11 accepts, carries data both ways and half-closes', async () => {
    const { server, client } = await pairOfConnections()
    bench.write(Out.WRITE, [client], 'hello ')
    bench.write(Out.WRITE, [client], 'world')
    await bench.until(() => bench.received(server) === 'hello world')
    bench.write(Out.WRITE, [client], 'bye')
    bench.port.push1(Out.SHUTDOWN, client)
    bench.on(In.END, ([connection]) => connection === server && bench.write(Out.WRITE, [server], 'last'))
    await bench.until(() => bench.of(In.CLOSE).length === 2)
    expect(bench.received(server)).toBe('hello worldbye')
    expect(bench.received(client)).toBe('last')
    expect(bench.of(In.CLOSE).map((record) => record.words)).toEqual(
      expect.arrayContaining([
        [server, 0, CloseReason.PEER],
        [client, 0, CloseReason.PEER],
      ]),
    )
    expect(bench.engine.stats().connections).toBe(0)
  })

  it('echoes received bytes by reference within the dispatch', async () => {
    const { server, client } = await pairOfConnections()
    bench.on(In.DATA, (words) => {
      if (words[0] !== server) return
      const at = bench.port.begin(Out.WRITE_RECEIVED, 4)
      bench.port.outbox.set(words, at + 1)
    })
    const text = 'abc'.repeat(50_000)
    bench.engine.writeBlock(client, Buffer.from(text))
    await bench.until(() => bench.received(client).length === text.length)
    expect(bench.received(client)).toBe(text)
  })

  it('stops reading while paused and loses nothing', async () => {
    const { server, client } = await pairOfConnections({ paused: true })
    bench.write(Out.WRITE, [client], 'waiting')
    bench.port.push1(Out.SHUTDOWN, client)
    await bench.passes(3)
    expect(bench.received(server)).toBe('')
    bench.port.push1(Out.RESUME, server)
    await bench.until(() => bench.of(In.END).some((record) => record.words[0] === server))
    expect(bench.received(server)).toBe('waiting')
  })

  it('reports BLOCKED, then DRAIN when the peer reads', async () => {
    const { server, client } = await pairOfConnections({ paused: true })
    bench.engine.writeBlock(client, new Uint8Array(8 << 20))
    await bench.until(() => bench.of(In.BLOCKED).length === 1)
    expect(bench.engine.connectionPending(client)).toBeGreaterThan(65536)
    expect(bench.of(In.DRAIN)).toEqual([])
    bench.port.push1(Out.RESUME, server)
    await bench.until(() => bench.of(In.DRAIN).length === 1)
    expect(bench.of(In.DRAIN)[0]!.words).toEqual([client])
    bench.port.push1(Out.WANT_DRAIN, client)
    await bench.until(() => bench.of(In.DRAIN).length === 2)
  })

  it('closes a connection whose unsent output exceeds maxWriteBuffer', async () => {
    const { server } = await pairOfConnections({ maxWriteBufferBytes: 1 << 20 })
    const raw = bench.of(In.CONNECT)[0]!.words[0]!
    bench.port.push1(Out.PAUSE, raw)
    await bench.passes(1)
    bench.engine.writeBlock(server, new Uint8Array(16 << 20))
    await bench.until(() => bench.of(In.CLOSE).some((record) => record.words[0] === server))
    const close = bench.of(In.CLOSE).find((record) => record.words[0] === server)!
    expect(close.words[2]).toBe(CloseReason.OVERFLOW)
  })

  it('DESTROY resets the peer, and CLOSE comes once on each side', async () => {
    const { server, client } = await pairOfConnections()
    bench.port.push1(Out.DESTROY, server)
    bench.port.push1(Out.DESTROY, server)
    await bench.until(() => bench.of(In.CLOSE).length === 2)
    await bench.passes(2)
    const closes = new Map(bench.of(In.CLOSE).map(({ words }) => [words[0], words]))
    expect(bench.of(In.CLOSE).length).toBe(2)
    expect(closes.get(server)).toEqual([server, 0, CloseReason.LOCAL])
    expect(closes.get(client)![2]).toBe(CloseReason.ERROR)
  })

  it('LS-05 closes a silent connection after its idle time-out', async () => {
    const { server } = await pairOfConnections({ idleTimeoutMs: 20 })
    await bench.until(() => bench.of(In.CLOSE).some((record) => record.words[0] === server))
    const close = bench.of(In.CLOSE).find((record) => record.words[0] === server)!
    expect(close.words[2]).toBe(CloseReason.IDLE)
  })

  it('reports a refused connect as CONNECT with its errno, then CLOSE', async () => {
    bench = new Bench()
    const probe = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => probe.on('listening', resolve))
    const { port } = probe.address() as net.AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const client = bench.engine.connect(connectSpec(port))
    bench.engine.start()
    await bench.until(() => bench.of(In.CLOSE).length === 1)
    const [connect, close] = bench.records
    expect(connect!.kind).toBe(In.CONNECT)
    expect(connect!.words[1]).toBeGreaterThan(0)
    expect(close!.words).toEqual([client, connect!.words[1], CloseReason.ERROR])
  })

  it('LS-10 lets the next client in when one above maxConnections leaves', async () => {
    const { server, client } = await pairOfConnections({ maxConnections: 1 })
    const { port } = bench.engine.connectionAddress(client, true)!
    const second = bench.engine.connect(connectSpec(port))
    await bench.until(() => bench.of(In.CONNECT).length === 2)
    bench.write(Out.WRITE, [second], 'early')
    await bench.passes(3)
    expect(bench.of(In.ACCEPT).length).toBe(1)
    bench.port.push1(Out.CLOSE, server)
    await bench.until(() => bench.of(In.ACCEPT).length === 2)
    const held = bench.of(In.ACCEPT)[1]!.words[1]!
    await bench.until(() => bench.received(held) === 'early')
  })

  it('LS-12 closes a listener and leaves its connections', async () => {
    const { server, client } = await pairOfConnections()
    const listener = bench.of(In.ACCEPT)[0]!.words[0]!
    expect(bench.engine.listenerClose(listener)).toBe(0)
    expect(bench.engine.listenerClose(listener)).toBeLessThan(0)
    await bench.until(() => bench.of(In.LISTENER_CLOSED).length === 1)
    expect(bench.engine.listenerConnections(listener)).toBe(1)
    bench.write(Out.WRITE, [client], 'still here')
    await bench.until(() => bench.received(server) === 'still here')
    expect(bench.engine.stats().listeners).toBe(0)
  })

  it('adopts both ends of a virtual pair', async () => {
    bench = new Bench()
    const [a, b] = bench.pair()
    const first = bench.engine.adopt(a, connectSpec(0, { autoClose: false }))
    const second = bench.engine.adopt(b, connectSpec(0))
    bench.engine.start()
    const big = 'z'.repeat(300_000)
    bench.engine.writeBlock(first, Buffer.from(big))
    bench.port.push1(Out.SHUTDOWN, first)
    await bench.until(() => bench.of(In.CLOSE).length === 2)
    expect(bench.received(second)).toBe(big)
    expect(bench.sys.read(a, new Uint8Array(1))).toBeLessThan(0)
  })
})
