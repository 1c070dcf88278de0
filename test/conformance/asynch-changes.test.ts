import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { AsynchEvent, type FdEvent, type HeddleError, Mask, aco } from '../../lib'
import { heldOnes, of, release, sharedCells } from './asynch-harness'
import { type Bench, codeOf, withEventer } from './eventer-harness'

/** Reads what lies in the descriptor of the event. */
function text(event: FdEvent): string {
  const buffer = Buffer.alloc(4096)
  const { n } = event.read(buffer)
  return buffer.toString('latin1', 0, n)
}

describe('what an asynchronous event becomes', () => {
  it('AS-02 A-AS-2 what work and cleanup return is ignored, 0 frees', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const cells = sharedCells(16)
      const before = eventer.allocations()
      const event = eventer.asynch({ work: of('work'), cleanup: of('cleanup'), complete: () => 0 }, { cells })
      eventer.addAsynch(event)
      expect(eventer.allocations().current).toBe(before.current + 1)
      await bench.until(() => event.isFreed)
      expect(eventer.allocations()).toEqual({ current: before.current, total: before.total + 1n })
      // Once is allowed after the eventer freed it.
      event.free()
      expect(codeOf(() => event.free())).toBe('ERR_EVENT_FREED')
    }))

  it('AS-02 A-AS-2 with a descriptor and READ it becomes a descriptor event', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [ours, theirs] = bench.pair()
      const seen: unknown[] = []
      const event = eventer.asynch(
        {
          work: of('echo'),
          complete: (e, mask) => {
            seen.push([e.kind, mask])
            if (mask !== Mask.ASYNCH_COMPLETE) return seen.push(text(e)) && 0
            return Mask.READ
          },
        },
        'closure',
        { fd: ours },
      )
      expect(eventer.findFd(ours)).toBeUndefined()
      eventer.addAsynch(event)
      await bench.until(() => seen.length === 1)
      expect([event.kind, event.mask, event.isScheduled]).toEqual(['fd', Mask.READ, true])
      expect(eventer.findFd(ours)).toBe(event)
      bench.write(theirs, 'hello')
      await bench.until(() => event.isFreed)
      expect(seen).toEqual([['asynch', Mask.ASYNCH_COMPLETE], ['fd', Mask.READ], 'hello'])
    }))

  it('AS-02 a descriptor event that it has become is one in every way', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [ours, theirs] = bench.pair()
      const read: string[] = []
      const event = eventer.asynch({
        work: of('echo'),
        complete: (e) => {
          e.fd = ours
          e.callback = (fd: FdEvent) => {
            read.push(text(fd))
            return Mask.READ
          }
          return Mask.READ
        },
      })
      eventer.addAsynch(event)
      await bench.until(() => event.kind === 'fd')
      eventer.update(event, Mask.READ | Mask.WRITE)
      expect(event.mask).toBe(Mask.READ | Mask.WRITE)
      eventer.update(event, Mask.READ)
      bench.write(theirs, 'one')
      await bench.until(() => read.length === 1)
      event.float()
      expect([...eventer.floatingEvents()]).toEqual([event])
      eventer.add(event)
      expect(eventer.remove(event)).toBe(event)
      const copy = event.copy()
      expect([copy instanceof AsynchEvent, copy.kind, copy.fd]).toEqual([false, 'fd', ours])
      event.free()
      bench.write(theirs, 'two')
      eventer.add(copy)
      await bench.until(() => read.length === 2)
      expect(read).toEqual(['one', 'two'])
      copy[Symbol.dispose]()
    }))

  it('AS-02 EK-02 other masks, and none to go on with, are errors, and end it', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const codes: string[] = []
      eventer.on('error', (error) => codes.push((error as HeddleError).code))
      const closed = new Error('it failed')
      for (const result of [Mask.TIMER, Mask.READ | Mask.ASYNCH_WORK, Mask.READ, 'text', closed]) {
        const event = eventer.asynch({
          work: of('echo'),
          complete: () => {
            if (result === closed) throw closed
            return result as number
          },
        })
        eventer.addAsynch(event)
        await bench.until(() => event.isFreed)
      }
      expect(codes).toEqual(['ERR_BAD_MASK', 'ERR_BAD_MASK', 'ERR_CALLBACK', 'ERR_BAD_MASK', 'ERR_CALLBACK'])
    }))

  it('AS-02 ASYNCH_WORK queues it again, where it came from', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('again')
      const values: unknown[] = []
      const event = eventer.asynch<{ n: number }>(
        {
          work: of('echo'),
          complete: (e) => {
            values.push(e.value)
            e.closure.n++
            return e.closure.n < 3 ? Mask.ASYNCH_WORK : 0
          },
        },
        { n: 0 },
      )
      eventer.addAsynch(event, { queue })
      await bench.until(() => event.isFreed)
      expect(values).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }])
      expect(queue.stats().total).toBe(3)
    }))

  it('AS-13 A-AS-9 A-FD a descriptor event goes through a job and on, and loses nothing', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const [ours, theirs] = bench.pair()
      const cells = sharedCells()
      const closure = { lines: [] as string[] }
      const onReadable = (fd: FdEvent<typeof closure>): number => {
        closure.lines.push(text(fd))
        if (closure.lines.length > 1) return 0
        eventer.remove(fd)
        const job = eventer.asynch(
          {
            work: of('held'),
            complete: (e) => {
              expect(e.closure).toBe(closure)
              e.callback = onReadable
              return Mask.READ
            },
          },
          closure,
          { fd: fd.fd, arg: { cells } },
        )
        eventer.addAsynch(job)
        return 0
      }
      const event = eventer.fdEvent(ours, Mask.READ, onReadable, closure)
      eventer.add(event)
      bench.write(theirs, 'before')
      await heldOnes(bench, cells)
      expect([event.isFreed, eventer.findFd(ours)]).toEqual([true, undefined])
      bench.write(theirs, 'meanwhile')
      release(cells)
      await bench.until(() => closure.lines.length === 2)
      expect(closure.lines).toEqual(['before', 'meanwhile'])
      await bench.until(() => eventer.allocations().current === 0)
    }))

  it('AS-01 a completion may be asynchronous: what it resolves to counts', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      let done = false
      const event = eventer.asynch({
        work: of('echo'),
        complete: async () => {
          await eventer.sleep(1)
          done = true
          return 0
        },
      })
      eventer.addAsynch(event)
      await bench.until(() => event.isFreed)
      expect(done).toBe(true)
    }))
})

describe('the owner of an asynchronous event', () => {
  it('AS-01 PO-06 the completion runs on the loop that has it by then, once', () =>
    withEventer({ loops: 3 }, async (bench) => {
      const { eventer } = bench
      const cells = sharedCells()
      const loops: string[] = []
      const event = eventer.asynch(
        {
          work: of('held'),
          complete: (e) => void loops.push(e.owner.name, eventer.currentLoop()?.name ?? ''),
        },
        { cells },
      )
      eventer.addAsynch(event)
      await heldOnes(bench, cells)
      event.owner = eventer.loops[1] as never
      event.owner = eventer.loops[2] as never
      release(cells)
      await bench.until(() => event.isFreed)
      expect(loops).toEqual(['default/2', 'default/2'])
    }))

  it('PO-06 A-PO-4 set in the completion it counts from the next callback on', () =>
    withEventer({ pools: { db: { concurrency: 1 } } }, async (bench) => {
      const { eventer } = bench
      const rounds = 10_000
      const home = eventer.loops[0]
      const db = eventer.pool('db')?.threads[0] as typeof home
      const queue = eventer.jobqs.create('shift', { concurrency: 2 })
      const [ours, theirs] = bench.pair()
      bench.write(theirs, 'always readable')
      let [completions, reads, inside, wrong] = [0, 0, 0, 0]
      const enter = (loop: typeof home): void => {
        if (inside++ > 0 || eventer.currentLoop() !== loop) wrong++
      }
      const onReadable = (): number => {
        enter(db)
        reads++
        inside--
        submit()
        return 0
      }
      const complete = (e: AsynchEvent): number => {
        enter(home)
        completions++
        e.owner = db
        e.callback = onReadable
        inside--
        return Mask.READ
      }
      const submit = (): void => {
        if (completions === rounds) return
        const event = eventer.asynch({ work: of('echo'), complete: complete as never }, undefined, {
          fd: ours,
          owner: home,
        })
        eventer.addAsynch(event, { queue })
      }
      submit()
      await bench.until(() => reads === rounds)
      expect([completions, wrong]).toEqual([rounds, 0])
      expect(bench.drain(ours)).toBe('always readable')
      await bench.until(() => eventer.allocations().current === 0)
    }))
})

describe('who may do what with an asynchronous event', () => {
  it('EK-07 AS-04 nobody can take a queued one back, free it, or queue it again', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const cells = sharedCells()
      const inside: (string | undefined)[] = []
      const event = eventer.asynch(
        {
          work: of('held'),
          complete: (e) => {
            inside.push(
              codeOf(() => eventer.addAsynch(e)),
              codeOf(() => e.free()),
              codeOf(() => eventer.add(e)),
            )
          },
        },
        { cells },
      )
      expect(codeOf(() => eventer.remove(event))).toBe('ERR_NOT_REMOVABLE')
      eventer.addAsynch(event)
      const calls: (() => unknown)[] = [
        () => eventer.remove(event),
        () => event[Symbol.dispose](),
        () => event.free(),
        () => eventer.addAsynch(event),
        () => eventer.tryAddAsynch(event),
        () => eventer.add(event),
        () => eventer.trigger(event, Mask.ASYNCH_COMPLETE),
        () => eventer.update(event, Mask.READ),
        () => event.float(),
        () =>
          aco.adopt(
            event,
            aco.start(() => undefined),
          ),
      ]
      expect(calls.map(codeOf)).toEqual([
        'ERR_NOT_REMOVABLE',
        'ERR_NOT_REMOVABLE',
        'ERR_EVENT_SCHEDULED',
        'ERR_EVENT_SCHEDULED',
        'ERR_EVENT_SCHEDULED',
        'ERR_EVENT_SCHEDULED',
        'EINVAL',
        'EINVAL',
        'EINVAL',
        'EINVAL',
      ])
      release(cells)
      await bench.until(() => event.isFreed)
      expect(inside).toEqual(['ERR_EVENT_ACTIVE', 'ERR_EVENT_ACTIVE', 'ERR_EVENT_ACTIVE'])
      expect(codeOf(() => eventer.addAsynch(event))).toBe('ERR_EVENT_FREED')
    }))

  it("AS-04 an unqueued one is the caller's: it is freed, copied and described as others are", () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const complete = (): void => {}
      eventer.nameCallback('asynch/done', complete)
      const event = eventer.asynch({ work: of('echo'), complete }, 'closure')
      expect(eventer.describe(event)).toBe('asynch/asynch/done/-1/ASYNCH_WORK|ASYNCH_CLEANUP/default/0/-')
      const copy = event.copy() as AsynchEvent
      expect([copy instanceof AsynchEvent, copy.closure, copy.isScheduled]).toEqual([true, 'closure', false])
      event.free()
      eventer.addAsynch(copy.ref())
      await bench.until(() => !copy.isScheduled && copy.references === 1)
      expect(copy.value).toBe('closure')
      eventer.addAsynch(copy)
      await bench.until(() => copy.isFreed)
    }))

  it('AS-01 what makes no sense is refused, and makes no event', () =>
    withEventer({}, (bench) => {
      const { eventer } = bench
      const make = (...given: unknown[]) =>
        codeOf(() => (eventer.asynch as (...all: unknown[]) => unknown)(...given))
      for (const bad of [undefined, null, 5, 'text', () => 0]) expect(make(bad)).toBe('ERR_INVALID_ARGUMENT')
      for (const bad of [
        { work: 5 },
        { work: { module: 5, export: 'x' } },
        { work: of('echo'), cleanup: 5 },
        { work: of('echo'), complete: 5 },
      ])
        expect(make(bad)).toBe('ERR_INVALID_ARGUMENT')
      for (const bad of [5, { cancel: 'often' }, { fd: 1.5 }, { fd: -2 }, { owner: 5 }, { runTimeout: -1 }])
        expect(make({ work: of('echo') }, 0, bad)).toBe('ERR_INVALID_ARGUMENT')
      expect(make({ work: of('echo') }, 0, { deadline: 'soon' })).toBe('EINVAL')
      const event = eventer.asynch({ work: of('echo') })
      for (const bad of [5, { queue: 5 }, { queue: {} }, { subqueue: 7 }, { priority: 'high' }])
        expect(codeOf(() => eventer.addAsynch(event, bad as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => eventer.addAsynch(5 as never))).toBe('ERR_INVALID_ARGUMENT')
      expect([event.isScheduled, event.isFreed]).toEqual([false, false])
      event.free()
    }))

  it('AS-01 a closure that cannot be copied is refused, unless something else is sent', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const closure = { notify: () => 'here' }
      const event = eventer.asynch({ work: of('echo') }, closure)
      expect(() => eventer.addAsynch(event)).toThrow(/could not be cloned/)
      expect([event.isScheduled, event.isFreed]).toEqual([false, false])
      event.free()
      const seen: unknown[] = []
      const other = eventer.asynch(
        { work: of('echo'), complete: (e) => void seen.push(e.closure.notify(), e.value) },
        closure,
        { arg: 'sent' },
      )
      eventer.addAsynch(other)
      await bench.until(() => other.isFreed)
      expect(seen).toEqual(['here', 'sent'])
    }))

  it('EV-16 A-EV-13 a completion sees the async context in which its event was made', () =>
    withEventer({ asyncContext: true }, async (bench) => {
      const { eventer } = bench
      const storage = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      const event = storage.run('made here', () =>
        eventer.asynch({ work: of('echo'), complete: () => void seen.push(storage.getStore()) }),
      )
      storage.run('added here', () => eventer.addAsynch(event))
      await bench.until(() => event.isFreed)
      expect(seen).toEqual(['made here'])
    }))

  it('AS-01 ends with its eventer while its work goes on', async () => {
    const cells = sharedCells()
    const codes: unknown[] = []
    let event: AsynchEvent | undefined
    await withEventer({}, async (bench: Bench) => {
      const { eventer } = bench
      event = eventer.asynch(
        { work: of('held'), complete: (e) => void codes.push((e.error as HeddleError).code) },
        { cells },
      ) as AsynchEvent
      eventer.addAsynch(event)
      await heldOnes(bench, cells)
      await eventer[Symbol.asyncDispose]()
    }).catch((error: HeddleError) => expect(error.code).toBe('ERR_NOT_INIT'))
    release(cells)
    expect([event?.isFreed, codes.length]).toEqual([true, 1])
    expect(['ERR_JOBQ_SHUTDOWN', 'ERR_WORKER_DIED']).toContain(codes[0])
  })
})
