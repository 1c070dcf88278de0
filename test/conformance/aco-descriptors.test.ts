import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AcoDescriptor, type Coroutine, aco } from '../../lib/aco'
import { HeddleError } from '../../lib/errors'
import { type FdEvent, type IoResult, Mask, type Opset } from '../../lib/eventer'
import { temporaryFolder } from '../temporary-folder'
import { type Bench, backend, codeOf, failure, failureCode, isNative, sys, withAco } from './aco-harness'

const never = () => {
  throw new Error('this callback must not run')
}

/** An adopted end of a pair, in a coroutine of its own; the other end is plain. */
async function serve(
  bench: Bench,
  body: (ev: AcoDescriptor, peer: number, co: Coroutine) => Promise<void>,
): Promise<void> {
  const [fd, peer] = bench.pair()
  await aco.start(async (co) => {
    const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
    await body(ev, peer, co)
    if (ev.fd >= 0 && ev.coroutine !== undefined) {
      bench.gone(fd)
      await ev.close()
    }
    if (ev.coroutine !== undefined) ev.free()
  }).done
}

const text = (buffer: Uint8Array, length: number): string => Buffer.from(buffer).toString('latin1', 0, length)

describe('reading from a descriptor', () => {
  it('A-AC-4 AC-09 a time-out takes nothing: what comes later is there for the next read', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer, co) => {
        const into = Buffer.alloc(64)
        const before = performance.now()
        const error = await failure(co.read(ev, into, { timeout: 100 }))
        expect(performance.now() - before).toBeGreaterThanOrEqual(100)
        expect([error.code, (error as HeddleError).isTimeout]).toEqual(['ETIME', true])
        bench.write(peer, 'late')
        expect(text(into, await co.read(ev, into))).toBe('late')
      }),
    ))

  it('AC-09 never takes more than was asked for; the rest stays in the descriptor', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        bench.write(peer, 'abcdef')
        const into = Buffer.alloc(4)
        expect([await ev.read(into), into.toString()]).toEqual([4, 'abcd'])
        expect(ev.buffered).toBe(0)
        expect(bench.drain(ev.fd)).toBe('ef')
      }),
    ))

  it('AC-09 is 0 at the end, again and again, and for an empty buffer', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        bench.write(peer, 'x')
        expect(await ev.read(Buffer.alloc(0))).toBe(0)
        bench.close(peer)
        expect(await ev.read(Buffer.alloc(9))).toBe(1)
        expect([await ev.read(Buffer.alloc(9)), await ev.read(Buffer.alloc(9))]).toEqual([0, 0])
        expect(await failureCode(ev.readExact(1))).toBe('ERR_END_OF_STREAM')
      }),
    ))

  it('AC-09 reads exact counts and up to delimiters, across any cuts', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer, co) => {
        const all = Array.from({ length: 300 }, (_, n) => `line ${n}\r\n`).join('')
        const sender = aco.start(async (other) => {
          for (let at = 0; at < all.length; at += 7) {
            bench.write(peer, all.slice(at, at + 7))
            if (at % 5 === 0) await other.sleep(0)
          }
        })
        let got = ''
        for (let n = 0; n < 150; n++) got += (await co.readUntil(ev, '\r\n')).toString()
        expect(got).toBe(all.slice(0, got.length))
        got += (await co.readExact(ev, 100)).toString()
        while (got.length < all.length) {
          const into = Buffer.alloc(11)
          got += text(into, await co.read(ev, into))
        }
        expect(got).toBe(all)
        await sender.done
      }),
    ))

  it('AC-09 a line beyond the limit fails with ERR_READ_LIMIT and stays readable', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        bench.write(peer, 'x'.repeat(100))
        expect(await failureCode(ev.readUntil('\n', { max: 50 }))).toBe('ERR_READ_LIMIT')
        expect((await ev.readExact(100)).toString()).toBe('x'.repeat(100))
      }),
    ))

  it('AC-09 a time-out in the middle of an exact read keeps what has come', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        bench.write(peer, 'half')
        expect(await failureCode(ev.readExact(8, { timeout: 20 }))).toBe('ETIME')
        bench.write(peer, 'done')
        expect((await ev.readExact(8)).toString()).toBe('halfdone')
      }),
    ))

  it('AC-09 a time-out of 0 takes what is there now', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        const into = Buffer.alloc(8)
        expect(await failureCode(ev.read(into, { timeout: 0 }))).toBe('ETIME')
        bench.write(peer, 'now')
        expect(text(into, await ev.read(into, { timeout: 0 }))).toBe('now')
      }),
    ))

  it('AC-09 one read at a time: EBUSY, and the first goes on', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        const into = Buffer.alloc(8)
        const first = ev.read(into)
        expect(await failureCode(ev.read(Buffer.alloc(8)))).toBe('EBUSY')
        expect(await failureCode(ev.readExact(1))).toBe('EBUSY')
        expect(await failureCode(ev.accept())).toBe('EBUSY')
        bench.write(peer, 'ok')
        expect(text(into, await first)).toBe('ok')
        const exact = ev.readExact(2)
        expect(await failureCode(ev.read(into))).toBe('EBUSY')
        bench.write(peer, 'go')
        // While what has come is on its way to the first, it is still the first's.
        expect((await exact).toString()).toBe('go')
      }),
    ))

  it('AC-09 reading and writing may wait side by side', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        const block = Buffer.alloc(1 << 20, 'w')
        const into = Buffer.alloc(8)
        const reading = ev.read(into)
        const writing = ev.writeAll(block)
        let received = 0
        while (received < block.length) {
          received += bench.drain(peer).length
          await bench.passes(1)
        }
        await writing
        bench.write(peer, 'r')
        expect(await reading).toBe(1)
      }),
    ))

  it('AC-09 wrong arguments are refused, and a bad time-out leaves nothing behind', () =>
    withAco((bench) =>
      serve(bench, async (ev) => {
        expect(await failureCode(ev.read('x' as never))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(ev.readExact(-1))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(ev.readUntil(''))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(ev.readUntil(5 as never))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(ev.write(5 as never))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(ev.read(Buffer.alloc(1), { timeout: -1 }))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(ev.read(Buffer.alloc(1), { timeout: Number.NaN }))).toBe(
          'ERR_INVALID_ARGUMENT',
        )
        expect(await failureCode(ev.write('x', { timeout: '1' as never }))).toBe('ERR_INVALID_ARGUMENT')
      }),
    ))

  it('A-AC-8 AC-17 defaults count unless a call says otherwise; clearing them waits for ever', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        const into = Buffer.alloc(8)
        ev.readTimeout = 50
        let before = performance.now()
        expect(await failureCode(ev.read(into))).toBe('ETIME')
        expect(performance.now() - before).toBeGreaterThanOrEqual(50)
        before = performance.now()
        expect(await failureCode(ev.read(into, { timeout: 200 }))).toBe('ETIME')
        expect(performance.now() - before).toBeGreaterThanOrEqual(200)
        ev.readTimeout = undefined
        const reading = ev.read(into)
        await bench.passes(5)
        bench.write(peer, 'x')
        expect(await reading).toBe(1)
      }),
    ))
})

describe('a wait that ends otherwise', () => {
  it('A-AC-22 AC-32 an abort rejects with its reason and leaves nothing; the data is for the next read', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        const into = Buffer.alloc(8)
        const abort = new AbortController()
        const reason = new Error('enough')
        const reading = failure(ev.read(into, { signal: abort.signal, timeout: 60_000 }))
        abort.abort(reason)
        expect(await reading).toBe(reason)
        expect(await failure(ev.read(into, { signal: abort.signal }))).toBe(reason)
        expect([...bench.eventer.timeouts()]).toEqual([])
        await bench.passes(2)
        bench.write(peer, 'kept')
        await bench.passes(2)
        expect(bench.drain(ev.fd)).toBe('kept')
      }),
    ))

  it('AC-32 aborts and time-outs that race with data lose no byte (seeded)', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        let seed = 4711
        const below = (limit: number): number => {
          seed = (seed * 1103515245 + 12345) & 0x7fffffff
          return seed % limit
        }
        let sent = ''
        const sender = aco.start(async (other) => {
          for (let n = 0; n < 600; n++) {
            const piece = String.fromCharCode(97 + (n % 26)).repeat(1 + below(5))
            bench.write(peer, piece)
            sent += piece
            if (below(3) === 0) await other.sleep(below(2))
          }
        })
        let got = ''
        let missed = 0
        while (sender.state !== 'ended' || got.length < sent.length) {
          const into = Buffer.alloc(1 + below(9))
          const abort = new AbortController()
          const reading = ev.read(into, { timeout: below(3), signal: abort.signal })
          if (below(3) === 0) setImmediate(() => abort.abort(new HeddleError('ECANCELED')))
          const count = await reading.catch((error: HeddleError) => {
            expect(['ETIME', 'ECANCELED']).toContain(error.code)
            missed++
            return 0
          })
          got += text(into, count)
        }
        expect(got).toBe(sent)
        expect(missed).toBeGreaterThan(0)
      }),
    ))

  it('AC-32 a release right after a time-out keeps what is under way', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      for (let round = 0; round < 20; round++) {
        const [fd, peer] = bench.pair()
        let got = ''
        const co = aco.start(async () => {
          const ev = aco.adopt(
            eventer.fdEvent(fd, Mask.READ, (event) => {
              const into = Buffer.alloc(3)
              const { n } = event.read(into)
              got += text(into, n ?? 0)
              return got.length < 4 ? Mask.READ : 0
            }),
          )
          await ev.read(Buffer.alloc(8), { timeout: 1 + (round % 3) }).then(
            (n) => {
              got = 'x'.repeat(n)
            },
            () => {},
          )
          return aco.release(ev)
        })
        // Written in the pass in which the time-out is due, as far as can be hit.
        const due = performance.now() + 1 + (round % 3)
        while (performance.now() < due);
        bench.write(peer, 'late')
        const event = (await co.done) as FdEvent
        if (got === '') {
          eventer.add(event)
          await bench.until(() => event.isFreed)
          event.free()
        } else event.free()
        expect(got.length).toBe(4)
      }
    }))

  it('AC-04 exit ends a wait on a descriptor; a close in its finally blocks works', () =>
    withAco(async (bench) => {
      const [fd] = bench.pair()
      const trace: string[] = []
      const stop = new AbortController()
      const co = aco.start(
        async () => {
          const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
          try {
            await ev.read(Buffer.alloc(1))
          } finally {
            bench.gone(fd)
            await ev.close()
            ev.free()
            trace.push('closed')
          }
        },
        undefined,
        { signal: stop.signal },
      )
      stop.abort(new HeddleError('ECANCELED', 'over'))
      expect(await failureCode(co.done)).toBe('ECANCELED')
      expect(trace).toEqual(['closed'])
    }))

  it('AC-12 closing fails whoever waits with EBADF; the descriptor is -1 and operations are refused', () =>
    withAco(async (bench) => {
      const [fd] = bench.pair()
      const co = aco.start(async () => {
        const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
        const reading = failureCode(ev.read(Buffer.alloc(1)))
        bench.gone(fd)
        await ev.close()
        expect(await reading).toBe('EBADF')
        expect(ev.fd).toBe(-1)
        for (const again of [
          ev.close(),
          ev.read(Buffer.alloc(1)),
          ev.readExact(1),
          ev.write('x'),
          ev.accept(),
        ])
          expect(await failureCode(again)).toBe('EBADF')
        ev.free()
        expect(codeOf(() => ev.free())).toBe('ERR_EVENT_FREED')
        expect(await failureCode(ev.read(Buffer.alloc(1)))).toBe('ERR_EVENT_FREED')
      })
      await co.done
      expect(sys.descriptorFlags(fd)).toBeLessThan(0)
    }))

  it('AC-13 freeing an open event warns and leaves the descriptor open', () =>
    withAco(async (bench) => {
      const [fd] = bench.pair()
      const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve))
      await aco.start(async () => {
        const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
        const reading = failureCode(ev.read(Buffer.alloc(1), { timeout: 1 }))
        expect(codeOf(() => ev.free())).toBe('EBUSY')
        await reading
        ev.free()
      }).done
      expect((await warned).code).toBe('HEDDLE_ACO_OPEN')
      expect(sys.descriptorFlags(fd)).toBeGreaterThanOrEqual(0)
    }))

  it('AC-13 disposing closes and frees', () =>
    withAco(async (bench) => {
      const [fd] = bench.pair()
      await aco.start(async () => {
        await using ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
        bench.gone(fd)
        expect(ev.fd).toBe(fd)
      }).done
      expect(sys.descriptorFlags(fd)).toBeLessThan(0)
    }))

  it('AC-09 a peer that resets in the middle of a read fails it', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        await ev.write('unread')
        const reading = failureCode(ev.readExact(8))
        await bench.passes(1)
        bench.close(peer)
        expect(await reading).toBe('ECONNRESET')
        expect(await failureCode(ev.write('more'))).toBe('EPIPE')
      }),
    ))
})

describe('writing to a descriptor', () => {
  it('A-AC-6 AC-10 a full peer: a partial count, then ETIME with bytesWritten; every byte arrives once', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer, co) => {
        const all = Buffer.alloc(3 << 20)
        for (let n = 0; n < all.length; n += 4) all.writeUInt32LE(n, n)
        const first = await co.write(ev, all)
        expect(first).toBeGreaterThan(0)
        expect(first).toBeLessThan(all.length)
        const error = (await failure(co.writeAll(ev, all.subarray(first), { timeout: 30 }))) as HeddleError
        expect(error.code).toBe('ETIME')
        const sent = first + (error.bytesWritten as number)
        const none = (await failure(co.write(ev, all.subarray(sent), { timeout: 0 }))) as HeddleError
        expect(none.code).toBe('ETIME')
        const received: Buffer[] = []
        const reader = aco.start(async (other) => {
          const into = Buffer.alloc(65536)
          for (let size = 0; size < all.length; ) {
            const n = sys.read(peer, into)
            if (n > 0) {
              received.push(Buffer.from(into.subarray(0, n)))
              size += n
            } else await other.sleep(0)
          }
        })
        await co.writeAll(ev, all.subarray(sent))
        await reader.done
        expect(Buffer.concat(received).equals(all)).toBe(true)
      }),
    ))

  it('AC-10 AC-17 the default time-out of writes, and an abort', () =>
    withAco((bench) =>
      serve(bench, async (ev) => {
        const block = Buffer.alloc(4 << 20)
        ev.writeTimeout = 10
        expect(await failureCode(ev.writeAll(block))).toBe('ETIME')
        const reason = new Error('no')
        const abort = new AbortController()
        const writing = failure(ev.writeAll(block, { timeout: Infinity, signal: abort.signal }))
        expect(await failureCode(ev.write('x'))).toBe('EBUSY')
        abort.abort(reason)
        expect(await writing).toBe(reason)
      }),
    ))

  it('AC-10 text is written in UTF-8, and nothing at all is nothing', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        expect(await ev.write('grüß')).toBe(6)
        await ev.writeAll('')
        await ev.writeAll('!')
        expect(Buffer.from(bench.drain(peer), 'latin1').toString()).toBe('grüß!')
      }),
    ))
})

describe('accepting in a coroutine', () => {
  it('A-AC-7 AC-11 a time-out, then a connection: a new non-blocking descriptor and its peer', () =>
    withAco(async (bench) => {
      const listening = bench.own(sys.listenFd({ kind: 'tcp', host: '127.0.0.1', port: 0, backlog: 4 }))
      const co = aco.start(async (self) => {
        const ev = aco.adopt(bench.eventer.fdEvent(listening, Mask.READ, never))
        expect(await failureCode(self.accept(ev, { timeout: 50 }))).toBe('ETIME')
        ev.acceptTimeout = 20
        expect(await failureCode(self.accept(ev))).toBe('ETIME')
        const accepting = self.accept(ev, { timeout: 60_000 })
        expect(self.state).toBe('accept')
        const { port } = sys.address(listening, false) as { port: number }
        const fd = bench.own(sys.connectFd({ kind: 'tcp', host: '127.0.0.1', port }))
        const { fd: accepted, peer } = await accepting
        bench.own(accepted)
        expect(accepted).not.toBe(fd)
        expect(sys.descriptorFlags(accepted) & 1).toBe(1)
        expect(peer?.address).toBe('127.0.0.1')
        bench.gone(listening)
        await ev.close()
        ev.free()
      })
      await co.done
    }))

  it('AC-11 what does not listen refuses with EINVAL or ENOTCONN', () =>
    withAco((bench) =>
      serve(bench, async (ev) => {
        expect(['EINVAL', 'ENOTSUP', 'ENOTCONN', 'EOPNOTSUPP']).toContain(await failureCode(ev.accept()))
      }),
    ))
})

describe('between the classic style and coroutines', () => {
  it('A-AC-10 AC-15 a callback hands on a removed copy; waiting bytes arrive in order, the original is freed', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      const [fd, peer] = bench.pair()
      const got: string[] = []
      let proc: Coroutine | undefined
      const original = eventer.fdEvent(
        fd,
        Mask.READ,
        (e) => {
          eventer.remove(e)
          proc = aco.start(myAcoProcess, e.copy())
          return 0
        },
        'the closure',
      )
      async function myAcoProcess(co: Coroutine<FdEvent<string>>): Promise<void> {
        const e = aco.adopt(co.arg)
        expect([aco.isAco(e), e.closure, e.coroutine === co]).toEqual([true, 'the closure', true])
        got.push((await e.readUntil(' ')).toString(), (await e.readExact(4)).toString())
        bench.gone(fd)
        await e.close()
        e.free()
      }
      bench.write(peer, 'some data')
      eventer.add(original)
      await bench.until(() => proc?.state === 'ended')
      expect(got).toEqual(['some ', 'data'])
      expect(original.isFreed).toBe(true)
    }))

  it('A-AC-27 MX-01 ten turns of both styles on one connection: 1 MiB, exact', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      const [fd, peer] = bench.pair()
      const all = Buffer.alloc(1 << 20)
      for (let n = 0; n < all.length; n += 4) all.writeUInt32LE((n * 2654435761) >>> 0, n)
      const sender = aco.start(async () => {
        const ev = aco.adopt(eventer.fdEvent(peer, Mask.READ, never))
        await ev.writeAll(all)
        aco.release(ev).free()
      })
      const got = Buffer.alloc(all.length)
      let size = 0
      const edge = (turns: number) => Math.floor((all.length * turns) / 20)
      let event: FdEvent = eventer.fdEvent(fd, Mask.READ, never)
      for (let round = 0; round < 10; round++) {
        // Callback style.
        const end = edge(2 * round + 1)
        event.callback = (e: FdEvent) => {
          for (;;) {
            const { n } = e.read(got.subarray(size, Math.min(end, size + 1000)))
            if (n === undefined) return Mask.READ
            size += n
            if (size === end) return 0
          }
        }
        event.ref()
        eventer.add(event)
        await bench.until(() => size === end && !event.isScheduled)
        // Coroutine style, with a delimiter that makes it read ahead.
        await aco.start(async () => {
          const ev = aco.adopt(event)
          const until = edge(2 * round + 2)
          while (size < until) {
            const part = await ev.readExact(Math.min(700, until - size))
            part.copy(got, size)
            size += part.length
            if (size < until) {
              const bytes = await ev.readUntil(all.subarray(size, size + 1))
              bytes.copy(got, size)
              size += bytes.length
            }
          }
          event = aco.release(ev)
          expect(event.isFreed).toBe(false)
        }).done
      }
      expect(size).toBe(all.length)
      expect(got.equals(all)).toBe(true)
      await sender.done
      event.free()
    }))

  it('AC-14 bytes in hand come first after a release, fire the event, go with a copy and back to a coroutine', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      const [fd, peer] = bench.pair()
      let got = ''
      const callback = (e: FdEvent) => {
        const into = Buffer.alloc(4)
        got += text(into, e.read(into).n ?? 0)
        return got.length < 9 ? Mask.READ : 0
      }
      bench.write(peer, 'head\none two three')
      const event = await aco.start(async () => {
        const ev = aco.adopt(eventer.fdEvent(fd, Mask.READ, callback))
        expect((await ev.readUntil('\n')).toString()).toBe('head\n')
        expect(ev.buffered).toBe(13)
        return aco.release(ev)
      }).done
      const copy = (event as FdEvent).copy()
      const into = Buffer.alloc(8)
      expect((event as FdEvent).read(into).again).toBe(true)
      ;(event as FdEvent).free()
      copy.ref()
      eventer.add(copy)
      await bench.until(() => !copy.isScheduled)
      expect(got).toBe('one two three'.slice(0, got.length))
      await aco.start(async () => {
        const ev = aco.adopt(copy)
        expect((await ev.readExact(13 - got.length)).toString()).toBe('one two three'.slice(got.length))
        aco.release(ev).free()
      }).done
    }))

  it('AC-14 what somebody else holds is refused, and nothing changes', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      const [fd] = bench.pair()
      const event = eventer.fdEvent(fd, Mask.READ, never)
      expect(codeOf(() => aco.adopt(event))).toBe('ERR_NOT_IN_ACO')
      await aco.start(async (co) => {
        eventer.add(event)
        expect(codeOf(() => aco.adopt(event))).toBe('ERR_EVENT_SCHEDULED')
        eventer.remove(event)
        const twin = eventer.fdEvent(fd, Mask.READ, never)
        const ev = aco.adopt(event, co)
        expect(codeOf(() => aco.adopt(twin))).toBe('EEXIST')
        twin.free()
        for (const call of [
          () => aco.adopt(event),
          () => eventer.add(event),
          () => event.free(),
          () => event.read(Buffer.alloc(1)),
          () => event.write(Buffer.alloc(1)),
          () => event.copy(),
          () => Object.assign(event, { fd: 3 }),
          () => Object.assign(event, { opset: event.opset }),
        ])
          expect(codeOf(call)).toBe('ERR_EVENT_SCHEDULED')
        expect(await failureCode(event.close())).toBe('ERR_EVENT_SCHEDULED')
        expect([eventer.findFd(fd) === event, eventer.remove(event)]).toEqual([true, undefined])
        const reading = failureCode(ev.read(Buffer.alloc(1), { timeout: 1 }))
        expect(codeOf(() => aco.release(ev))).toBe('EBUSY')
        await reading
        expect(aco.release(ev) === event).toBe(true)
        expect([aco.isAco(ev), ev.coroutine]).toEqual([false, undefined])
        expect(codeOf(() => aco.release(ev))).toBe('ERR_EVENT_FREED')
        event.free()
        expect(codeOf(() => aco.adopt(event))).toBe('ERR_EVENT_FREED')
      }).done
    }))

  it('A-AC-26 AC-27 RC-02 timed and recurrent events are made inside and not adopted', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      await aco.start(async (co) => {
        let fired = 0
        const timer = eventer.addIn(1, () => void fired++)
        const recurrent = eventer.recurrent(() => (++fired > 3 ? 0 : Mask.RECURRENT))
        expect(codeOf(() => aco.adopt(timer as never))).toBe('EINVAL')
        expect(codeOf(() => aco.adopt(recurrent as never))).toBe('ERR_NOT_SUPPORTED')
        expect(codeOf(() => aco.adopt({} as never))).toBe('ERR_INVALID_ARGUMENT')
        eventer.addRecurrent(recurrent)
        while (fired < 4) await co.sleep(1)
      }).done
    }))

  it('A-AC-12 AC-16 classic calls on an adopted event wait, without a time-out', () =>
    withAco((bench) =>
      serve(bench, async (ev, peer) => {
        const { eventer } = bench
        ev.readTimeout = 1
        const into = Buffer.alloc(8)
        const reading = eventer.read(ev, into)
        expect(reading).toBeInstanceOf(Promise)
        await bench.passes(3)
        bench.write(peer, 'x')
        expect(await reading).toBe(1)
        expect(await eventer.write(ev, Buffer.from('y'))).toBe(1)
        expect(bench.drain(peer)).toBe('y')
        const classic = eventer.fdEvent(peer, Mask.READ, never)
        const probe: IoResult = eventer.read(classic, into)
        expect(probe.again).toBe(true)
        classic.free()
        const fd = ev.fd
        await eventer.close(ev)
        bench.gone(fd)
      }),
    ))

  it('A-AC-17 AC-26 an adopted event stays on its loop; strict mode says so', () =>
    withAco(
      async (bench) => {
        const [fd] = bench.pair()
        const { eventer } = bench
        const [first, second] = eventer.loops
        await aco.start(async (co) => {
          const event = eventer.fdEvent(fd, Mask.READ, never)
          event.owner = second as never
          const ev = aco.adopt(event)
          expect([event.owner === first, ev.owner === first, co.loop === first]).toEqual([true, true, true])
          ev.owner = second as never
          event.owner = second as never
          expect(event.owner === first && ev.owner === first).toBe(true)
          eventer.core.strict = true
          expect(codeOf(() => Object.assign(ev, { owner: second }))).toBe('ERR_ACO_PINNED')
          expect(codeOf(() => Object.assign(event, { owner: second }))).toBe('ERR_ACO_PINNED')
          aco.release(ev).free()
        }).done
      },
      { loops: 2 },
    ))
})

describe('operations of the user', () => {
  /** Plain ones that see a byte at a time, turned by one letter, and need WRITE before each third read. */
  function caesar(calls: string[]): Opset {
    let reads = 0
    return {
      name: 'caesar',
      read(event, into) {
        calls.push('read')
        if (++reads % 3 === 0) return { again: true, need: Mask.WRITE }
        const n = sys.read(event.fd, into.subarray(0, 1))
        if (n === 0) return { eof: true }
        if (n < 0) return { again: true, need: Mask.READ }
        into[0] = (into[0] as number) - 1
        return { n }
      },
      write(event, from) {
        calls.push('write')
        return { n: sys.write(event.fd, from.map((byte) => byte + 1).subarray(0, 2)) }
      },
      accept: never,
      close(event) {
        calls.push('close')
        return event.owner.closeFd(event.fd)
      },
    }
  }

  it('AC-14 FD-10 are called by the coroutine, which waits for what they need', () =>
    withAco(async (bench) => {
      const [fd, peer] = bench.pair()
      const calls: string[] = []
      await aco.start(async () => {
        const event = bench.eventer.fdEvent(fd, Mask.READ, never)
        event.opset = caesar(calls)
        const ev = aco.adopt(event)
        const reading = ev.readExact(5)
        bench.write(peer, 'ifmmp')
        expect((await reading).toString()).toBe('hello')
        await ev.writeAll('hello')
        expect(bench.drain(peer)).toBe('ifmmp')
        expect(await failureCode(ev.read(Buffer.alloc(1), { timeout: 5 }))).toBe('ETIME')
        bench.write(peer, 'b')
        expect((await ev.readUntil('a')).toString()).toBe('a')
        bench.gone(fd)
        await ev.close()
        ev.free()
      }).done
      expect(calls.filter((call) => call === 'write')).toHaveLength(3)
      expect(calls.at(-1)).toBe('close')
    }))

  it('FD-10 what they throw fails the read, and the next one tries again', () =>
    withAco(async (bench) => {
      const [fd, peer] = bench.pair()
      await aco.start(async () => {
        const event = bench.eventer.fdEvent(fd, Mask.READ, never)
        const plain = event.opset
        let fails = true
        event.opset = {
          ...plain,
          read(e, into) {
            if (fails) throw new HeddleError('EPROTO')
            return plain.read(e, into)
          },
        }
        const ev = aco.adopt(event)
        expect(await failureCode(ev.read(Buffer.alloc(1)))).toBe('EPROTO')
        fails = false
        bench.write(peer, 'x')
        expect(await ev.read(Buffer.alloc(1))).toBe(1)
        aco.release(ev).free()
      }).done
    }))
})

describe('descriptors of the system', () => {
  it('AC-14 FD-12 a file is ready always, where the backend reaches it', () =>
    withAco(async (bench) => {
      const path = join(temporaryFolder(), 'file')
      writeFileSync(path, 'contents')
      const fd = openSync(path, 'r')
      await aco.start(async () => {
        const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
        expect((await ev.readExact(8)).toString()).toBe('contents')
        expect(await ev.read(Buffer.alloc(8))).toBe(0)
        aco.release(ev).free()
      }).done
      closeSync(fd)
    }))

  it.skipIf(isNative)('AC-14 the js backend watches none of them: ENOTSUP', () =>
    withAco(async (bench) => {
      expect(backend.capabilities.systemDescriptors).toBe(false)
      const fd = openSync('/dev/null', 'r')
      await aco.start(async () => {
        const event = bench.eventer.fdEvent(fd, Mask.READ, never)
        expect(codeOf(() => aco.adopt(event))).toBe('ENOTSUP')
        event.free()
      }).done
      closeSync(fd)
    }),
  )
})

describe('many at once', () => {
  it('AC-33 10,000 coroutines wait on reads and are all served', () =>
    withAco(async (bench) => {
      const room = isNative ? sys.descriptorLimit(20_500) : 20_500
      const count = Math.min(10_000, Math.floor((room - 500) / 2))
      const each = 2
      let served = 0
      const peers: number[] = []
      for (let n = 0; n < count; n++) {
        const [fd, peer] = bench.pair()
        peers.push(peer)
        aco.start(async () => {
          const ev = aco.adopt(bench.eventer.fdEvent(fd, Mask.READ, never))
          const into = Buffer.alloc(8)
          for (let turn = 0; turn < each; turn++) {
            await ev.read(into)
            served++
          }
          aco.release(ev).free()
        })
      }
      expect(aco.list().every(({ state }) => state === 'read')).toBe(true)
      for (let turn = 0; turn < each; turn++) {
        for (const peer of peers) bench.write(peer, 'x')
        await bench.until(() => served === count * (turn + 1))
      }
      expect(served).toBe(count * each)
    }))
})
