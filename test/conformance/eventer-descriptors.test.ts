import { closeSync, fstatSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type CallbackError, type FdEvent, type IoResult, Mask, type Opset } from '../../lib/eventer'
import { type Bench, backend, codeOf, isNative, sys, withEventer } from './eventer-harness'

const { capabilities } = backend
const never = () => {
  throw new Error('this callback must not run')
}

/** True while the descriptor is open. */
function isOpen(fd: number): boolean {
  return sys.descriptorFlags(fd) >= 0
}

/** What a stream has to say, by way of an event that is not scheduled. */
function probe(bench: Bench, fd: number): FdEvent {
  return bench.eventer.fdEvent(fd, Mask.READ, never)
}

describe('descriptor events', () => {
  it('FD-01 need a descriptor, a mask and a callback', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      expect(codeOf(() => eventer.fdEvent(a, 0, never))).toBe('EINVAL')
      expect(codeOf(() => eventer.fdEvent(-1, Mask.READ, never))).toBe('EBADF')
      expect(codeOf(() => eventer.fdEvent(a, Mask.READ, undefined as never))).toBe('EINVAL')
      bench.close(a)
      const event = eventer.fdEvent(a, Mask.READ, never)
      expect(codeOf(() => eventer.add(event))).toBe('EBADF')
      expect([event.isScheduled, eventer.findFd(a)]).toEqual([false, undefined])
      event.free()
    }))

  it('EK-02 wait for what the callback returned, and end with 0 without closing', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      bench.write(b, 'x')
      const masks: number[] = []
      const event = eventer.fdEvent(a, Mask.READ, (e, mask) => {
        masks.push(mask)
        return e.mask === Mask.READ ? Mask.WRITE : 0
      })
      eventer.add(event)
      await bench.until(() => event.isFreed)
      expect(masks).toEqual([Mask.READ, Mask.WRITE])
      expect([isOpen(a), eventer.findFd(a)]).toEqual([true, undefined])
      await bench.passes(3)
      expect(masks).toHaveLength(2)
    }))

  it('EK-02 may not return a mask of another kind', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const errors: CallbackError[] = []
      eventer.on('error', (error) => errors.push(error as CallbackError))
      const [a] = bench.pair()
      const event = eventer.fdEvent(a, Mask.WRITE, () => Mask.READ | Mask.TIMER)
      eventer.add(event)
      const [b] = bench.pair()
      const odd = eventer.fdEvent(b, Mask.WRITE, (() => 'READ') as never)
      eventer.add(odd)
      await bench.until(() => errors.length === 2)
      expect(errors.map(({ code }) => code)).toEqual(['ERR_BAD_MASK', 'ERR_BAD_MASK'])
      expect([event.isFreed, odd.isFreed, isOpen(a)]).toEqual([true, true, true])
    }))

  it('EK-02 removed in its own callback, an event ends with 0 and goes on with a mask', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      let runs = 0
      const event = eventer.fdEvent(a, Mask.WRITE, (e) => {
        runs++
        expect(eventer.remove(e)).toBe(e)
        return runs === 1 ? Mask.READ : 0
      })
      eventer.add(event)
      await bench.until(() => runs === 1)
      expect([event.isScheduled, event.mask]).toEqual([true, Mask.READ])
      bench.write(b, 'x')
      await bench.until(() => event.isFreed)
      expect(runs).toBe(2)
    }))

  it('FD-06 are signalled again for what was not read: two lines at once, a few bytes a time', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      let text = ''
      const event = eventer.fdEvent(a, Mask.READ, (e) => {
        const buffer = Buffer.alloc(3)
        text += buffer.toString('latin1', 0, e.read(buffer).n)
        return text.length < 16 ? Mask.READ : 0
      })
      eventer.add(event)
      bench.write(b, 'hello\r\nworld!!\r\n')
      await bench.until(() => event.isFreed)
      expect(text).toBe('hello\r\nworld!!\r\n')
    }))

  it('FD-06 in edge mode are signalled again once they were read until `again`', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      let text = ''
      let lazy = true
      let runs = 0
      const readSome = (e: FdEvent) => {
        const buffer = Buffer.alloc(4)
        const result = e.read(buffer)
        text += buffer.toString('latin1', 0, result.n ?? 0)
        return result
      }
      const event = eventer.fdEvent(
        a,
        Mask.READ,
        (e) => {
          runs++
          if (lazy) readSome(e)
          else while (!readSome(e).again);
          return Mask.READ
        },
        undefined,
        { trigger: 'edge' },
      )
      eventer.add(event)
      bench.write(b, 'abcdefgh')
      await bench.until(() => runs === 1)
      await bench.passes(5)
      expect([runs, text]).toEqual([1, 'abcd'])
      lazy = false
      while (!readSome(event).again);
      for (let n = 2; n <= 6; n++) {
        bench.write(b, `round ${n}`)
        await bench.until(() => text.endsWith(`round ${n}`))
      }
      expect(text).toBe('abcdefghround 2round 3round 4round 5round 6')
      event[Symbol.dispose]()
    }))

  it('FD-15 hear of hang-ups as EXCEPTION or as the end of the stream, asked for or not', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const results: IoResult[] = []
      const masks: number[] = []
      const event = eventer.fdEvent(a, Mask.READ, (e, mask) => {
        masks.push(mask)
        results.push(e.read(Buffer.alloc(10)))
        return 0
      })
      eventer.add(event)
      bench.close(b)
      await bench.until(() => event.isFreed)
      expect(results[0]?.eof).toBe(true)
      expect((masks[0] as number) & (Mask.READ | Mask.EXCEPTION)).not.toBe(0)

      const [reader, writer] = bench.pipe()
      const watcher = eventer.fdEvent(writer, Mask.READ, (_e, mask) => {
        masks.push(mask)
        return 0
      })
      eventer.add(watcher)
      bench.close(reader)
      await bench.until(() => watcher.isFreed)
      expect((masks[1] as number) & Mask.EXCEPTION).toBe(Mask.EXCEPTION)
    }))

  it('FD-14 move to another loop from their callback, and never run on two', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const loops: (number | undefined)[] = []
      let inside = 0
      const event = eventer.fdEvent(a, Mask.READ, (e) => {
        expect(++inside).toBe(1)
        e.read(Buffer.alloc(1))
        loops.push(eventer.currentLoop()?.index)
        if (loops.length === 3) e.owner = eventer.chooseOwner(1)
        inside--
        return loops.length < 200 ? Mask.READ : 0
      })
      eventer.add(event)
      bench.write(b, 'x'.repeat(200))
      await bench.until(() => event.isFreed)
      expect(loops).toEqual([0, 0, 0, ...new Array(197).fill(1)])
      await bench.passes(2)
    }))

  it('FD-14 move while their callback waits for a promise, without being entered again', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      bench.write(b, 'x')
      let finish: (mask: number) => void = () => {}
      const loops: unknown[] = []
      const event = eventer.fdEvent(a, Mask.READ, () => {
        loops.push(eventer.currentLoop()?.index)
        return loops.length > 1
          ? 0
          : new Promise<number>((resolve) => {
              finish = resolve
            })
      })
      eventer.add(event)
      await bench.until(() => loops.length === 1)
      event.owner = eventer.chooseOwner(1)
      await bench.passes(5)
      expect(loops).toEqual([0])
      finish(Mask.READ)
      await bench.until(() => event.isFreed)
      expect(loops).toEqual([0, 1])
    }))

  it('FD-12 of a descriptor the multiplexer cannot watch never fire, with a warning', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const fd = openSync(__filename, 'r')
      try {
        const reports: { fd: number; event: FdEvent }[] = []
        eventer.on('unpollable', (report) => reports.push(report))
        const event = eventer.fdEvent(fd, Mask.READ, never)
        if (!capabilities.systemDescriptors) {
          // Watching descriptors of the system is beyond JavaScript; what cannot be watched says so.
          const code = codeOf(() => eventer.add(event))
          expect(code === undefined ? reports.length : code).toSatisfy(
            (outcome: unknown) => outcome === 1 || outcome === 'ERR_NATIVE_REQUIRED' || outcome === 'ENOTSUP',
          )
          event[Symbol.dispose]()
          return
        }
        eventer.add(event)
        expect(reports).toEqual([{ fd, event }])
        expect(event.isScheduled).toBe(true)
        const [a, b] = bench.pipe()
        bench.write(b, 'x')
        const control = eventer.fdEvent(a, Mask.READ, () => 0)
        eventer.add(control)
        await bench.until(() => control.isFreed)
        await bench.passes(3)
        expect(eventer.remove(event)).toBe(event)
        event.free()
      } finally {
        closeSync(fd)
      }
    }))

  it('FD-13 strict: returning 0 with the descriptor open and registered is reported, and the watch dropped', () =>
    withEventer({ strict: true }, async (bench) => {
      const { eventer } = bench
      const errors: CallbackError[] = []
      eventer.on('error', (error) => errors.push(error as CallbackError))
      const [a, b] = bench.pair()
      bench.write(b, 'x')
      let runs = 0
      const forgetful = () => {
        runs++
        return 0
      }
      eventer.nameCallback('forgetful', forgetful)
      const event = eventer.fdEvent(a, Mask.READ, forgetful)
      eventer.add(event)
      await bench.until(() => errors.length === 1)
      await bench.passes(3)
      expect(errors).toHaveLength(1)
      expect(errors[0]).toMatchObject({ code: 'ERR_FD_STILL_REGISTERED', callbackName: 'forgetful' })
      expect([runs, event.isFreed, isOpen(a)]).toEqual([1, true, true])

      const tidy = eventer.fdEvent(a, Mask.READ, (e) => {
        eventer.remove(e)
        return 0
      })
      eventer.add(tidy)
      const closing = eventer.fdEvent(b, Mask.WRITE, async (e) => {
        bench.gone(b)
        await e.close()
      })
      eventer.add(closing)
      await bench.until(() => tidy.isFreed && closing.isFreed)
      expect(errors).toHaveLength(1)
    }))
})

describe('operations', () => {
  it('FD-07 read says what it got, what to wait for, or that the stream has ended', () =>
    withEventer({}, async (bench) => {
      const [a, b] = bench.pair()
      using event = probe(bench, a)
      const buffer = Buffer.alloc(10)
      expect(event.read(buffer)).toEqual({ again: true, need: Mask.READ })
      bench.write(b, 'hello')
      await expect.poll(() => event.read(buffer)).toEqual({ n: 5 })
      expect(buffer.toString('latin1', 0, 5)).toBe('hello')
      expect(event.read(Buffer.alloc(0))).toEqual({ n: 0 })
      bench.close(b)
      await expect.poll(() => event.read(buffer)).toEqual({ eof: true })
    }))

  it('FD-07 A-FD-4 read fails with ECONNRESET when the peer has reset', () =>
    withEventer({}, async (bench) => {
      const [a, b] = bench.pair()
      using event = probe(bench, a)
      bench.write(a, 'never read')
      bench.close(b)
      await expect.poll(() => codeOf(() => event.read(Buffer.alloc(1)))).toBe('ECONNRESET')
    }))

  it('FD-07 write says how much it took, and what to wait for', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const block = Buffer.alloc(65536)
      let written = 0
      const fill = () => {
        for (;;) {
          const { n, again, need } = writer.write(block)
          if (again) return need as number
          written += n as number
        }
      }
      const writer = eventer.fdEvent(a, Mask.WRITE, () => 0)
      expect(fill()).toBe(Mask.WRITE)
      expect(written).toBeGreaterThan(0)
      eventer.add(writer)
      await bench.passes(3)
      expect(writer.isFreed).toBe(false)
      await bench.until(() => {
        bench.drain(b)
        return writer.isFreed
      })
    }))

  it('EV-23 FD-07 writing to a peer that is gone is an error, not a death', () =>
    withEventer({}, async (bench) => {
      const [a, b] = bench.pair()
      using event = probe(bench, a)
      bench.close(b)
      const codes = new Set<unknown>()
      for (let n = 0; n < 3; n++) codes.add(codeOf(() => event.write(Buffer.from('x'))))
      codes.delete(undefined)
      expect([...codes].every((code) => code === 'EPIPE' || code === 'ECONNRESET')).toBe(true)
      expect(codes.size).toBeGreaterThan(0)
    }))

  it('FD-07 FD-10 fail with the system error of a closed descriptor', () =>
    withEventer({}, (bench) => {
      const [a] = bench.pair()
      using event = probe(bench, a)
      bench.close(a)
      expect(codeOf(() => event.read(Buffer.alloc(1)))).toBe('EBADF')
      expect(codeOf(() => event.write(Buffer.alloc(1)))).toBe('EBADF')
      expect(codeOf(() => event.accept())).toBe('EBADF')
    }))

  it('FD-08 accept gives a non-blocking, close-on-exec descriptor and its peer, or what to wait for', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const fd = bench.own(sys.listenFd({ kind: 'tcp', host: '127.0.0.1', port: 0, backlog: 5 }))
      const accepted: { fd: number; peer: unknown }[] = []
      const listener = eventer.fdEvent(fd, Mask.READ, (e) => {
        for (;;) {
          const result = e.accept()
          if (result.again) return result.need
          accepted.push({ fd: bench.own(result.fd), peer: result.peer })
        }
      })
      expect(listener.accept()).toEqual({ again: true, need: Mask.READ })
      eventer.add(listener)
      let port = sys.address(fd, false)?.port
      await bench.until(() => {
        port = sys.address(fd, false)?.port
        return (port ?? 0) > 0
      })
      const client = bench.own(sys.connectFd({ kind: 'tcp', host: '127.0.0.1', port: port as number }))
      const connected = eventer.fdEvent(client, Mask.WRITE, () => 0)
      eventer.add(connected)
      await bench.until(() => accepted.length === 1 && connected.isFreed)
      expect(sys.socketError(client)).toBe(0)
      expect(accepted[0]?.peer).toMatchObject({ family: 'IPv4', address: '127.0.0.1' })
      expect(sys.descriptorFlags(accepted[0]?.fd as number)).toBe(3)
      listener[Symbol.dispose]()
    }))

  it('FD-09 close gives the descriptor up once; the event stays until it is freed', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      const event = eventer.fdEvent(a, Mask.READ, never)
      eventer.add(event)
      eventer.start()
      bench.gone(a)
      const closing = event.close()
      expect([event.fd, event.isScheduled, eventer.findFd(a)]).toEqual([-1, false, undefined])
      await closing
      expect(isOpen(a)).toBe(false)
      await expect(event.close()).rejects.toMatchObject({ code: 'EBADF' })
      expect(event.isFreed).toBe(false)
      event.free()

      const [c] = bench.pair()
      const stopped = eventer.fdEvent(c, Mask.READ, never)
      await eventer.stop()
      bench.gone(c)
      await stopped.close()
      expect(isOpen(c)).toBe(false)
      stopped.free()
    }))

  it('FD-09 many closes at once all come to an end, with timers in between', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      eventer.start()
      let ticks = 0
      const ticking = eventer.addIn(1, (e) => {
        ticks++
        e.whence = eventer.now() + 1
        return Mask.TIMER
      })
      const closings: Promise<void>[] = []
      for (let n = 0; n < 250; n++) {
        for (const fd of bench.pair()) {
          const event = eventer.fdEvent(fd, Mask.READ, never)
          eventer.add(event)
          bench.gone(fd)
          closings.push(event.close())
          event.free()
        }
      }
      await Promise.all(closings)
      await bench.until(() => ticks > 3)
      ticking[Symbol.dispose]()
    }))

  it('FD-10 go through the opset of the event, with a context for it', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      const calls: string[] = []
      const reversing: Opset = {
        name: 'reversing',
        read(event, into) {
          calls.push(`read ${event.opsetContext}`)
          const result = plain.read(event, into)
          if (result.n !== undefined) into.subarray(0, result.n).reverse()
          return result
        },
        write: (event, from) => plain.write(event, Buffer.from(from).reverse()),
        accept: () => ({ again: true, need: Mask.WRITE }),
        close: (event) => {
          calls.push('close')
          return plain.close(event)
        },
      }
      const event = eventer.fdEvent(a, Mask.READ, (e) => {
        const buffer = Buffer.alloc(10)
        const { n } = e.read(buffer)
        e.write(buffer.subarray(0, n))
        expect(e.accept()).toEqual({ again: true, need: Mask.WRITE })
        bench.gone(a)
        return e.close()
      })
      const plain = event.opset
      expect(plain.name).toBe('POSIX')
      event.opset = reversing
      event.opsetContext = 'mine'
      eventer.add(event)
      bench.write(b, 'abc')
      await bench.until(() => event.isFreed)
      expect(calls).toEqual(['read mine', 'close'])
      expect(bench.drain(b)).toBe('abc')
    }))

  it('FD-11 blocking is set by descriptor', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const [a] = bench.pair()
      eventer.setBlocking(a)
      expect(sys.descriptorFlags(a) & 1).toBe(0)
      eventer.setNonblocking(a)
      expect(sys.descriptorFlags(a) & 1).toBe(1)
      bench.close(a)
      expect(codeOf(() => eventer.setNonblocking(a))).toBe('EBADF')
      expect(codeOf(() => eventer.setBlocking(-1))).toBe('EBADF')
    }))

  it('FD-01 work on descriptors of the system where the backend can watch them', () => {
    expect(capabilities.systemDescriptors).toBe(isNative)
    if (!isNative) return
    return withEventer({}, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      expect(fstatSync(a).isSocket()).toBe(true)
      const event = eventer.fdEvent(a, Mask.READ, () => 0)
      eventer.add(event)
      bench.write(b, 'x')
      await bench.until(() => event.isFreed)
      expect(fstatSync(a).isSocket()).toBe(true)
    })
  })
})

describe('a server of descriptor events', () => {
  it('FD-01 FD-07 A-FD-1 echoes every byte of many connections in order', { timeout: 400_000 }, () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const connections = 1000
      const rounds = 100
      const buffer = Buffer.alloc(4096)
      let finished = 0
      // Counted, because a hundred thousand calls of expect take longer than the echoes.
      let wrong = 0
      let short = 0

      const echo = (e: FdEvent<unknown>) => {
        const result = e.read(buffer)
        if (result.again) return result.need
        if (result.eof) return 0
        if (e.write(buffer.subarray(0, result.n)).n !== result.n) short++
        return Mask.READ
      }
      for (let id = 0; id < connections; id++) {
        const [server, client] = bench.pair()
        eventer.add(eventer.fdEvent(server, Mask.READ, echo))
        let round = 0
        let message = ''
        let pending = ''
        const ask = eventer.fdEvent(client, Mask.WRITE, (e) => {
          const result = e.read(buffer)
          if (result.n !== undefined) pending += buffer.toString('latin1', 0, result.n)
          if (pending.length < message.length) return Mask.READ
          if (pending !== message) wrong++
          pending = ''
          if (++round > rounds) {
            finished++
            bench.gone(client)
            return e.close().then(() => 0)
          }
          message = `${id}:${round};`.repeat(10)
          if (e.write(Buffer.from(message)).n !== message.length) short++
          return Mask.READ
        })
        eventer.add(ask)
      }
      const done = () => finished === connections && eventer.allocations().current === 0
      await bench.until(done, 'the echoes', 300_000)
      expect([wrong, short]).toEqual([0, 0])
    }),
  )
})
