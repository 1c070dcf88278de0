import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { aco, type Coroutine } from '../../lib/aco'
import type { HeddleError } from '../../lib/errors'
import { type AcoConnection, type Connection, type Listener, Listeners, connect, listen } from '../../lib/net'
import { type Bench, codeOf, failure, failureCode, withAco } from './aco-harness'
import { client, collectUncaught, pause, readAll, readBytes, until } from './net-harness'

const HOST = '127.0.0.1'
/** For how long a client may be silent: more than it takes a busy machine to serve 500. */
const PATIENCE_MS = 8000

/** A listener whose connections are served by a coroutine, and its end. */
async function withListener(
  bench: Bench,
  serve: (event: AcoConnection) => Promise<void>,
  body: (listener: Listener) => Promise<void>,
  options: object = {},
): Promise<void> {
  const listeners = new Listeners(bench.eventer.loops[0])
  listeners.registerAco('serve', serve)
  const listener = await listeners.listen({
    type: 'serve',
    address: HOST,
    port: 0,
    backlog: 1024,
    ...options,
  })
  await body(listener)
  await listeners.close({ drain: true })
  await bench.until(() => aco.list().length === 0, 'the end of all coroutines')
}

/** An established connection in callback style, and the plain socket at its other end. */
async function connected(
  bench: Bench,
): Promise<{ connection: Connection; peer: Socket; end: () => Promise<void> }> {
  let connection: Connection | undefined
  const listener = await listen(
    { loop: bench.eventer.loops[0], host: HOST, port: 0 },
    {
      onConnection(c) {
        connection = c
      },
      onData() {},
    },
  )
  const peer = await client({ host: HOST, port: listener.port })
  await until(() => connection !== undefined, 'the connection is accepted')
  const end = async (): Promise<void> => {
    peer.destroy()
    ;(connection as Connection).destroy()
    await listener.close({ drain: true })
  }
  return { connection: connection as Connection, peer, end }
}

/** The socket is gone, by a reset or not. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.resume().once('close', () => resolve()))
}

/** The seed's listen_to_me. */
async function listenToMe(e: AcoConnection): Promise<void> {
  const buff = Buffer.alloc(128)
  for (;;) {
    let rv: number
    try {
      rv = await e.read(buff, { timeout: PATIENCE_MS })
    } catch (error) {
      if ((error as HeddleError).code !== 'ETIME') throw error
      await e.write('bye!\n')
      break
    }
    if (rv === 0) break
    if (rv >= 4 && buff.toString('latin1', 0, 4).toLowerCase() === 'quit') {
      await e.write('quitter!\n')
      break
    }
    await e.write('thanks!\n')
  }
  await e.close()
  e.free()
}

describe('coroutine listeners', () => {
  it('A-AC-5 AC-28 LS-07 the listener of the source document, with 500 clients at once', () =>
    withAco((bench) =>
      withListener(bench, listenToMe, async (listener) => {
        // Each speaks as soon as it is connected, since its time runs from there.
        const ends = Array.from({ length: 500 }, async (_, n) => {
          const socket = await client({ host: HOST, port: listener.port })
          if (n % 3 === 0) return (await readAll(socket)).toString()
          socket.write('hello')
          const thanks = (await readBytes(socket, 8)).toString()
          if (n % 3 === 1) socket.write('quit it')
          return thanks + (await readAll(socket)).toString()
        })
        const expected = ['bye!\n', 'thanks!\nquitter!\n', 'thanks!\nbye!\n']
        expect(await Promise.all(ends)).toEqual(ends.map((_, n) => expected[n % 3]))
      }),
    ))

  it('A-LS-8 a function that returns without closing: the runtime closes and frees, and warns once', () =>
    withAco(async (bench) => {
      const warnings: string[] = []
      const heard = (warning: Error & { code?: string }) => void warnings.push(warning.code ?? '')
      process.on('warning', heard)
      const events: AcoConnection[] = []
      try {
        await withListener(
          bench,
          async (event) => {
            events.push(event)
            expect(aco.arg()).toBe(event)
            await event.write('hi')
          },
          async (listener) => {
            for (let n = 0; n < 3; n++) {
              const socket = await client({ host: HOST, port: listener.port })
              expect((await readAll(socket)).toString()).toBe('hi')
            }
          },
        )
        await until(() => warnings.length > 0, 'the warning')
        // For another one, which must not come.
        await pause(5)
      } finally {
        process.off('warning', heard)
      }
      expect(warnings).toEqual(['HEDDLE_ACO_NOT_CLOSED'])
      expect(events.map(({ isOpen, coroutine }) => [isOpen, coroutine])).toEqual(
        Array(3).fill([false, undefined]),
      )
    }))

  it('AC-28 an error in the function destroys the connection and is reported; one of the connection is not', () =>
    withAco(async (bench) => {
      const reported: unknown[] = []
      bench.eventer.on('error', (error) => void reported.push((error as { cause?: unknown }).cause))
      const mistake = new Error('a mistake')
      await withListener(
        bench,
        async (event) => {
          const word = (await event.readExact(4)).toString()
          if (word === 'fail') throw mistake
          await event.readExact(100)
        },
        async (listener) => {
          const failing = await client({ host: HOST, port: listener.port })
          failing.write('fail')
          await closed(failing)
          const short = await client({ host: HOST, port: listener.port })
          short.end('less')
          await closed(short)
        },
      )
      expect(reported).toEqual([mistake])
    }))

  it('AC-28 AC-04 exit closes; a released connection goes on with callbacks', () =>
    withAco(async (bench) => {
      let got = ''
      await withListener(
        bench,
        async (event) => {
          const word = (await event.readExact(4)).toString()
          if (word === 'exit') event.coroutine?.exit()
          const connection = aco.release(event)
          connection.handlers = {
            onData(c, view) {
              got += view.toString()
              c.end(view)
            },
          }
        },
        async (listener) => {
          const leaving = await client({ host: HOST, port: listener.port })
          leaving.write('exit')
          expect((await readAll(leaving)).length).toBe(0)
          const staying = await client({ host: HOST, port: listener.port })
          staying.write('stay and more')
          expect((await readBytes(staying, 9)).toString()).toBe(' and more')
          staying.end()
          await closed(staying)
        },
      )
      expect(got).toBe(' and more')
    }))

  it('AC-28 wrong functions, names and loops are refused', () =>
    withAco((bench) => {
      const listeners = new Listeners(bench.eventer.loops[0])
      listeners.registerAco('a', async () => {})
      expect(codeOf(() => listeners.registerAco('a', async () => {}))).toBe('ERR_NAME_TAKEN')
      expect(codeOf(() => listeners.registerAco('b', 5 as never))).toBe('ERR_INVALID_ARGUMENT')
      const loose = new Listeners({ port: bench.eventer.loops[0].port })
      expect(codeOf(() => loose.registerAco('b', async () => {}))).toBe('ERR_INVALID_ARGUMENT')
    }))
})

describe('connections in coroutines', () => {
  it('A-AC-27 A-AC-10 MX-01 ten turns of both styles: 1 MiB, exact, in both directions', () =>
    withAco(async (bench) => {
      const { connection, peer, end } = await connected(bench)
      const all = Buffer.alloc(1 << 20)
      for (let n = 0; n < all.length; n += 4) all.writeUInt32LE((n * 2654435761) >>> 0, n)
      const back: Buffer[] = []
      peer.on('data', (chunk: Buffer) => back.push(chunk))
      peer.write(all)
      const got = Buffer.alloc(all.length)
      let size = 0
      const edge = (turns: number) => Math.floor((all.length * turns) / 20)
      for (let round = 0; round < 10; round++) {
        const first = edge(2 * round + 1)
        // What a callback gets beyond its turn is echoed all the same: it counts for the next.
        connection.handlers = {
          onData(c, view) {
            size += view.copy(got, size)
            c.write(view)
          },
        }
        await bench.until(() => size >= first)
        await aco.start(async (co) => {
          const ev = aco.adopt(connection)
          const second = Math.max(size, edge(2 * round + 2))
          while (size < second) {
            const part = await co.readExact(ev, Math.min(777, second - size))
            await co.writeAll(ev, part)
            size += part.copy(got, size)
            if (size === second) break
            const line = await co.readUntil(ev, all.subarray(size, size + 1))
            await co.writeAll(ev, line)
            size += line.copy(got, size)
          }
          expect(aco.release(ev) === connection).toBe(true)
        }).done
      }
      await bench.until(
        () => size === all.length && back.reduce((sum, { length }) => sum + length, 0) === size,
      )
      expect(got.equals(all)).toBe(true)
      expect(Buffer.concat(back).equals(all)).toBe(true)
      await end()
    }))

  it('A-AC-4 AC-09 AC-32 time-outs and aborts take nothing', () =>
    withAco(async (bench) => {
      const { connection, peer, end } = await connected(bench)
      await aco.start(async () => {
        const ev = aco.adopt(connection)
        const into = Buffer.alloc(8)
        expect(await failureCode(ev.read(into, { timeout: 20 }))).toBe('ETIME')
        const abort = new AbortController()
        const reading = failure(ev.read(into, { signal: abort.signal }))
        abort.abort(new Error('stop'))
        expect((await reading).message).toBe('stop')
        peer.write('late')
        expect(await ev.read(into)).toBe(4)
        expect(into.toString('latin1', 0, 4)).toBe('late')
        expect(await failureCode(ev.accept())).toBe('EINVAL')
        aco.release(ev)
      }).done
      await end()
    }))

  it('A-AC-6 AC-10 a peer that does not read: ETIME with bytesWritten; then every byte arrives, though the buffer changes', () =>
    withAco(async (bench) => {
      const { connection, peer, end } = await connected(bench)
      peer.pause()
      const all = Buffer.alloc(12 << 20)
      for (let n = 0; n < all.length; n += 4) all.writeUInt32LE(n, n)
      const work = Buffer.from(all)
      const received: Buffer[] = []
      await aco.start(async () => {
        const ev = aco.adopt(connection)
        const error = (await failure(ev.writeAll(work, { timeout: 50 }))) as HeddleError
        expect(error.code).toBe('ETIME')
        const sent = error.bytesWritten as number
        expect(sent).toBeGreaterThan(0)
        work.fill(0, 0, sent)
        const rest = ev.writeAll(work.subarray(sent))
        expect(await failureCode(ev.write('x'))).toBe('EBUSY')
        peer.on('data', (chunk: Buffer) => received.push(chunk)).resume()
        await rest
        work.fill(0)
        const total = () => received.reduce((sum, { length }) => sum + length, 0)
        await bench.until(() => total() === all.length)
        expect(Buffer.concat(received).equals(all)).toBe(true)
        aco.release(ev)
      }).done
      await end()
    }))

  it('AC-12 closing waits for the end; whoever reads fails with EBADF', () =>
    withAco(async (bench) => {
      const { connection, peer, end } = await connected(bench)
      const received = readAll(peer)
      await aco.start(async () => {
        const ev = aco.adopt(connection)
        const reading = failureCode(ev.readExact(5))
        await ev.write('last words')
        await ev.close()
        expect([await reading, ev.fd, connection.closed]).toEqual(['EBADF', -1, true])
        expect(await failureCode(ev.write('x'))).toBe('EBADF')
        ev.free()
      }).done
      expect((await received).toString()).toBe('last words')
      await end()
    }))

  it('AC-09 half-close: 0 at the end, writing goes on', () =>
    withAco(async (bench) => {
      const { connection, peer, end } = await connected(bench)
      peer.end('question')
      await aco.start(async () => {
        const ev = aco.adopt(connection)
        expect((await ev.readExact(8)).toString()).toBe('question')
        expect(await ev.read(Buffer.alloc(8))).toBe(0)
        await ev.write('answer')
        await ev.close()
        ev.free()
      }).done
      expect((await readAll(peer)).toString()).toBe('answer')
      await end()
    }))

  it('AC-09 AC-10 a peer that resets in the middle of each wait fails it', () =>
    withAco(async (bench) => {
      const waits: Record<string, (ev: AcoConnection, co: Coroutine) => Promise<unknown>> = {
        read: (ev) => ev.read(Buffer.alloc(8)),
        readExact: (ev) => ev.readExact(8),
        readUntil: (ev) => ev.readUntil('\n'),
        writeAll: (ev) => ev.writeAll(Buffer.alloc(64 << 20)),
      }
      for (const [name, wait] of Object.entries(waits)) {
        const { connection, peer, end } = await connected(bench)
        peer.pause()
        await aco.start(async (co) => {
          const ev = aco.adopt(connection)
          const waiting = failureCode(wait(ev, co))
          await bench.passes(3)
          peer.resetAndDestroy()
          expect(['ECONNRESET', 'EPIPE', 'ERR_CLOSED'], name).toContain(await waiting)
          await ev.close()
          ev.free()
        }).done
        await end()
      }
    }))

  it('AC-14 a release tells callbacks what they have missed: the rest, the end, the closing', () =>
    withAco(async (bench) => {
      const { connection, peer, end } = await connected(bench)
      const log: string[] = []
      connection.handlers = {
        onData: (_c, view) => void log.push(view.toString()),
        onEnd: () => void log.push('end'),
        onClose: () => void log.push('close'),
      }
      peer.end('head\nrest')
      await aco.start(async () => {
        const ev = aco.adopt(connection)
        expect((await ev.readUntil('\n')).toString()).toBe('head\n')
        await bench.until(() => connection.ended)
        aco.release(ev)
      }).done
      await bench.until(() => log.includes('close'))
      expect(log).toEqual(['rest', 'end', 'close'])
      await end()
    }))

  it('AC-14 what is not free to take is refused', () =>
    withAco(async (bench) => {
      const { connection, end } = await connected(bench)
      connection.handlers = {}
      const reading = connection.read({ timeout: 10 })
      await aco.start(async (co) => {
        expect(codeOf(() => aco.adopt(connection))).toBe('EBUSY')
        await failure(reading)
        const ev = aco.adopt(connection, co)
        expect([aco.isAco(ev), ev.coroutine === co]).toEqual([true, true])
        expect(codeOf(() => aco.adopt(connection))).toBe('ERR_EVENT_SCHEDULED')
        const waiting = failureCode(ev.read(Buffer.alloc(1), { timeout: 1 }))
        expect(codeOf(() => aco.release(ev))).toBe('EBUSY')
        await waiting
        aco.release(ev)
        connection.destroy()
        expect(codeOf(() => aco.adopt(connection))).toBe('EBADF')
      }).done
      await end()
    }))

  it('AC-09 input that nobody asks for is bounded: the peer is pushed back, and nothing is lost', () =>
    withAco(async (bench) => {
      let accepted: Connection | undefined
      const listener = await listen(
        { loop: bench.eventer.loops[0], host: HOST, port: 0, readBufferBytes: 65536 } as never,
        {
          onConnection(c) {
            accepted = c
          },
        },
      )
      const peer = await client({ host: HOST, port: listener.port })
      await until(() => accepted !== undefined, 'the connection is accepted')
      const all = Buffer.alloc(16 << 20, 'abc')
      await aco.start(async () => {
        const ev = aco.adopt(accepted as Connection)
        peer.write(all)
        await bench.until(() => ev.buffered >= 65536)
        await bench.passes(20)
        expect(ev.buffered).toBeLessThan(1 << 20)
        const into = Buffer.alloc(100_000)
        let size = 0
        while (size < all.length) {
          const n = await ev.read(into)
          expect(into.subarray(0, n).equals(all.subarray(size, size + n))).toBe(true)
          size += n
        }
        await ev.close()
        ev.free()
      }).done
      await listener.close({ drain: true })
    }))

  it('AC-09 an outgoing connection is adopted as well', () =>
    withAco((bench) =>
      withListener(bench, listenToMe, async (listener) => {
        await aco.start(async (co) => {
          await using ev = aco.adopt(await connect({ loop: co.loop, host: HOST, port: listener.port }))
          await ev.write('quit')
          expect((await ev.readUntil('\n')).toString()).toBe('quitter!\n')
        }).done
      }),
    ))
})

describe('misuse', () => {
  it('AC-28 an error nobody listens for is an uncaught exception', () =>
    withAco(async (bench) => {
      using uncaught = collectUncaught()
      const mistake = new Error('nobody listens')
      await withListener(
        bench,
        async (event) => {
          await event.readExact(1)
          throw mistake
        },
        async (listener) => {
          const socket = await client({ host: HOST, port: listener.port })
          socket.write('x')
          await closed(socket)
          await until(() => uncaught.errors.length > 0, 'the exception is uncaught')
        },
      )
      expect(uncaught.errors).toEqual([mistake])
    }))
})
