import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { aco, type CoroutineInfo, type ResumeReport } from '../../lib/aco'
import { memtypes } from '../../lib/memory'
import { every } from '../every'
import { compileModule } from '../native-module'
import { backend, codeOf, failure, failureCode, isNative, withAco, withEventer } from './aco-harness'
import { type NativeTask, taskBytes } from './aco-native-harness'

const MISSING = '/no/such/module.so'
const SECOND_NS = 1_000_000_000

/**
 * In a build for a sanitizer coroutines have stacks of their own, because its shadow does not follow a copy, and four times
 * the stack, because its frames are larger.
 */
const isSanitized = process.env.ASAN_OPTIONS !== undefined
const SMALL_STACK = isSanitized ? 2048 : 8192
/** As many as there may be mappings. */
const SLEEPERS = isSanitized ? 1000 : 100_000

describe('native coroutines are of the native backend only', () => {
  it('says so in its capabilities', () => {
    expect(backend.capabilities.nativeCoroutines).toBe(isNative)
  })

  it.runIf(!isNative)('refuses them elsewhere with ERR_NATIVE_REQUIRED (AC-02, AC-34)', () =>
    withAco(() => {
      expect(codeOf(() => aco.load(MISSING))).toBe('ERR_NATIVE_REQUIRED')
      expect(codeOf(() => aco.startNative('naps'))).toBe('ERR_NATIVE_REQUIRED')
      expect(codeOf(() => aco.shareStacks({ count: 2 }))).toBe('ERR_NATIVE_REQUIRED')
      expect(codeOf(() => aco.switchNs())).toBe('ERR_NATIVE_REQUIRED')
    }),
  )
})

describe.runIf(isNative)('loading a native module', () => {
  it('names what is wrong with a file (MO-20)', () => {
    const text = join(dirname(compileModule('test/modules/procedures.c')), 'text.so')
    writeFileSync(text, 'no library')
    expect(codeOf(() => aco.load(MISSING))).toBe('ENOENT')
    expect(codeOf(() => aco.load(text))).toBe('ERR_DSO_LOAD')
    const load = (define: string) =>
      codeOf(() => aco.load(compileModule('test/modules/refusals.c', [define])))
    expect(load('NO_SYMBOL')).toBe('ERR_DSO_SYMBOL')
    expect(load('OTHER_VERSION')).toBe('ERR_DSO_ABI')
    expect(load('SAYS_NO')).toBe('ERR_DSO_REGISTER')
    expect(codeOf(() => aco.load('x'.repeat(2000)))).toBe('ENAMETOOLONG')
    for (const wrong of ['', 'a\0b', 7, new URL('https://example.org/x.so')] as string[])
      expect(['ERR_INVALID_ARGUMENT', 'ERR_INVALID_URL_SCHEME']).toContain(codeOf(() => aco.load(wrong)))
  })

  it('asks a module again that could not register before', () =>
    withAco(async () => {
      const path = compileModule('test/modules/refusals.c', ['FAILS_ONCE'])
      expect(() => aco.load(path)).toThrow(/EBUSY/)
      expect(codeOf(() => aco.startNative('registered at last'))).toBe('ENOENT')
      aco.load(path)
      aco.load(path)
    }))

  it('leaves a name with the module that had it first', () => {
    aco.load(compileModule('test/modules/procedures.c'))
    const taken = compileModule('test/modules/refusals.c', ['TAKEN_NAME'])
    expect(() => aco.load(taken)).toThrow(/EEXIST/)
  })

  it('takes paths that are relative, and URLs', () => {
    const path = compileModule('examples/native/sleeper.c')
    aco.load(new URL(`file://${path}`))
    aco.load(`./${path.replace(/^\//, `${'../'.repeat(process.cwd().split('/').length - 1)}`)}`)
  })
})

describe.runIf(isNative)('a native procedure', () => {
  beforeAll(() => aco.load(compileModule('test/modules/procedures.c')))

  /** Starts one that writes to a pipe; `said` is what it has written. */
  function withTask(
    name: string,
    task: Partial<NativeTask>,
    body: (bench: {
      start(options?: object, more?: Partial<NativeTask>): ReturnType<typeof aco.startNative>
      said(): string
    }) => Promise<void>,
    options: object = {},
  ): Promise<void> {
    return withAco(async (bench) => {
      const [read, write] = bench.pipe()
      const start = (settings: object = {}, more: Partial<NativeTask> = {}) =>
        aco.startNative(name, taskBytes({ fd: write, ...task, ...more }), settings)
      await body({ start, said: () => bench.drain(read) })
    }, options)
  }

  it('runs at once until its first wait, and is in the list beside the others (AC-01, AC-33)', () =>
    withTask('parks', {}, async ({ start, said }) => {
      const js = aco.start((co) => co.park(), undefined, { name: 'async' })
      const co = start()
      expect(co.state).toBe('park')
      expect(aco.list()).toMatchObject([
        { name: 'async', native: false, state: 'park', stackBytes: 0 },
        { id: co.id, name: 'parks', native: true, state: 'park', loop: co.loop.name },
      ] satisfies Partial<CoroutineInfo>[])
      expect(co.stackBytes).toBeGreaterThan(0)
      expect(co.age).toBeGreaterThanOrEqual(0)
      expect(aco.stats()).toMatchObject({ started: 2, live: 2 })
      expect([aco.unpark(co, 7n), aco.unpark(co, 8n)]).toEqual([true, false])
      await expect.poll(said).toBe('7\n')
      expect(aco.unpark(co, 2n ** 64n - 1n)).toBe(true)
      await expect.poll(said).toBe(`${2n ** 64n - 1n}\n`)
      for (const wrong of [-1n, 2n ** 64n, 7, 'x'])
        expect(codeOf(() => aco.unpark(co, wrong))).toBe('ERR_INVALID_ARGUMENT')
      aco.unpark(co, 0n)
      await co.done
      expect(said()).toBe('over\n')
      expect([aco.unpark(co, 1n), co.state, co.age, co.stackBytes]).toEqual([false, 'ended', 0, 0])
      aco.unpark(js, 0)
      await js.done
    }))

  it('refuses what is no start (AC-02)', () =>
    withAco(() => {
      const start = aco.startNative.bind(aco) as (...args: unknown[]) => unknown
      expect(codeOf(() => start('nobody registered this'))).toBe('ENOENT')
      for (const name of ['', 'a\0b', 7, undefined, 'x'.repeat(2000)])
        expect(codeOf(() => start(name))).toBe('ERR_INVALID_ARGUMENT')
      for (const argument of ['text', 7, null, new ArrayBuffer(8)])
        expect(codeOf(() => start('naps', argument))).toBe('ERR_INVALID_ARGUMENT')
      for (const options of [{ maxStack: 100 }, { maxStack: 2 ** 40 }, { signal: 7 }, { owner: 'x' }, 7])
        expect(codeOf(() => start('naps', undefined, options))).toBe('ERR_INVALID_ARGUMENT')
      for (const stacks of [{ count: 0 }, { count: 1.5 }, { bytes: 100 }])
        expect(codeOf(() => aco.shareStacks(stacks))).toBe('ERR_INVALID_ARGUMENT')
    }))

  it('needs an eventer', () => {
    expect(codeOf(() => aco.startNative('naps'))).toBe('ERR_NOT_INIT')
  })

  it('copies nothing while it resumes alone (A-AC-18, AC-05)', () =>
    withTask('keeps_locals', { size: 256, rounds: 1000n, ns: 0n }, async ({ start, said }) => {
      await start().done
      expect(said()).toBe('intact\n')
      expect(aco.stats()).toMatchObject({ copiesIn: 0, copiesOut: 0, bytesCopied: 0, saveStackBytes: 0 })
      expect(aco.stats().switches).toBe(1001)
    }))

  it.skipIf(isSanitized)(
    'is copied about twice a switch when two take turns, with its locals intact (A-AC-18, AC-05)',
    () =>
      withTask('keeps_locals', { size: 256, rounds: 1000n, ns: 0n }, async ({ start, said }) => {
        const both = [start(), start()]
        expect(aco.stats().saveStackBytes).toBeGreaterThan(256)
        expect(aco.stats().saveStackBytes).toBeLessThan(4096)
        await Promise.all(both.map(({ done }) => done))
        expect(said()).toBe('intact\nintact\n')
        const { switches, copiesIn, copiesOut, bytesCopied, maxStackSeen, saveStackBytes } = aco.stats()
        expect(switches).toBe(2002)
        expect((copiesIn + copiesOut) / switches).toBeGreaterThan(1.9)
        expect((copiesIn + copiesOut) / switches).toBeLessThanOrEqual(2)
        expect(maxStackSeen).toBeGreaterThan(256)
        expect(maxStackSeen).toBeLessThan(2048)
        expect(bytesCopied / (copiesIn + copiesOut)).toBeLessThanOrEqual(maxStackSeen)
        expect(bytesCopied / (copiesIn + copiesOut)).toBeGreaterThan(256)
        expect(saveStackBytes).toBe(0)
      }),
  )

  it('is not copied where there is a shared stack for each (AC-05)', () =>
    withTask('keeps_locals', { size: 256, rounds: 100n, ns: 0n }, async ({ start, said }) => {
      aco.shareStacks({ count: 2 })
      await Promise.all([start().done, start().done])
      expect(said()).toBe('intact\nintact\n')
      expect(aco.stats()).toMatchObject({ switches: 202, copiesIn: 0, copiesOut: 0 })
      expect(codeOf(() => aco.shareStacks({ count: 3 }))).toBe('ERR_TOO_LATE')
    }))

  it('is not copied on a stack of its own (AC-05)', () =>
    withTask('keeps_locals', { size: 256, rounds: 100n, ns: 0n }, async ({ start, said }) => {
      const ownStack = true
      await Promise.all([start({ ownStack }).done, start({ ownStack }).done])
      expect(said()).toBe('intact\nintact\n')
      expect(aco.stats()).toMatchObject({ switches: 202, copiesIn: 0, copiesOut: 0 })
    }))

  it('ends with ERR_ACO_STACK when it needs more stack than it may have, again and again (A-AC-18, AC-02)', () =>
    withTask('descends', { ns: 0n }, async ({ start, said }) => {
      for (let round = 0; round < 3; round++) {
        await start({}, { size: 20 }).done
        expect(said()).toBe('intact\n')
        expect(await failureCode(start({}, { size: 1000 }).done)).toBe('ERR_ACO_STACK')
        expect(await failureCode(start({ maxStack: SMALL_STACK }, { size: 20 }).done)).toBe('ERR_ACO_STACK')
        await start({ maxStack: 4 * 2 ** 20 }, { size: 1000 }).done
        expect(said()).toBe('intact\n')
      }
    }))

  it('reports an overflow that nobody asks for (AC-02)', () =>
    withAco(async ({ eventer }) => {
      const reported = new Promise<unknown>((resolve) => eventer.once('error', resolve))
      const co = aco.startNative('descends', taskBytes({ size: 1000 }))
      expect(await reported).toMatchObject({ code: 'ERR_ACO_STACK' })
      expect(co.state).toBe('ended')
    }))

  it('keeps errno and the rounding of floating point to itself (A-AC-21, AC-34)', () =>
    withTask('keeps_state', { rounds: 50n, ns: 0n }, async ({ start, said }) => {
      const UP = process.arch === 'arm64' ? 0x400000 : 0x800
      const DOWN = process.arch === 'arm64' ? 0x800000 : 0x400
      const keepsFloatingControl = true
      const both = [
        start({ keepsFloatingControl }, { size: UP }),
        start({ keepsFloatingControl }, { size: DOWN }),
      ]
      expect(1 / 3).toBe(0.3333333333333333)
      await Promise.all(both.map(({ done }) => done))
      expect(said()).toBe('kept\nkept\n')
      expect(1 / 3).toBe(0.3333333333333333)
    }))

  it('is cancelled by a signal or by its handle, with the reason (AC-32)', () =>
    withTask('parks', {}, async ({ start, said }) => {
      const reason = new Error('enough')
      const controller = new AbortController()
      const co = start({ signal: controller.signal })
      controller.abort(reason)
      expect(await failure(co.done)).toBe(reason)
      expect(said()).toBe('canceled\n')
      expect(await failure(start({ signal: AbortSignal.abort(reason) }).done)).toBe(reason)
      expect(said()).toBe('canceled\n')
      const second = start()
      second.cancel()
      second.cancel(reason)
      expect(await failureCode(second.done)).toBe('ECANCELED')
      second.cancel()
    }))

  it('leaves no listener on the signal (AC-32)', () =>
    withTask('naps', { rounds: 1n, ns: 0n }, async ({ start }) => {
      const { signal } = new AbortController()
      let listeners = 0
      const { addEventListener, removeEventListener } = signal
      signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
        listeners++
        addEventListener.apply(signal, args)
      }
      signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
        listeners--
        removeEventListener.apply(signal, args)
      }
      await start({ signal }).done
      expect(listeners).toBe(0)
    }))

  it('runs its clean-ups when the eventer ends, even one that goes on waiting (AC-04)', async () => {
    const fds = backend.sys.pipe() as [number, number]
    const ends: Promise<string | undefined>[] = []
    await withEventer({}, async (bench) => {
      bench.eventer.start()
      const task = taskBytes({ fd: fds[1], ns: BigInt(SECOND_NS) * 1000n })
      for (const name of ['cleans_up', 'stubborn', 'starts'])
        ends.push(failureCode(aco.startNative(name, task).done))
      // The one that another starts begins in a pass.
      await bench.passes(2)
    })
    expect(await Promise.all(ends)).toEqual(['ECANCELED', 'ECANCELED', 'ECANCELED'])
    const buffer = Buffer.alloc(1000)
    const size = backend.sys.read(fds[0], buffer)
    expect(buffer.toString('latin1', 0, size).split('\n').sort().join(' ').trim()).toBe(
      'cleaned up cleaned up cleaned up started',
    )
    for (const fd of fds) backend.sys.close(fd)
  })

  it('is an error when it ends inside a section of safe memory (AC-30)', () =>
    withTask('leaks_section', { ns: 0n }, async ({ start, said }) => {
      expect(await failureCode(start().done)).toBe('ERR_SMR_SECTION_LEAK')
      expect(said()).toBe('')
    }))

  it('holds up its loop when it blocks, and nothing is lost (AC-07)', () =>
    withTask('blocks', { ns: 50_000_000n }, async ({ start, said }) => {
      let ticks = 0
      using _ = every(1, () => ticks++)
      const co = start()
      expect([ticks, said()]).toEqual([0, 'blocked\n'])
      await co.done
    }))

  it('tells of each resume with the stack in use, and flags a large one (A-AC-19, AC-06)', () =>
    withTask('keeps_locals', { rounds: 3n, ns: 0n }, async ({ start }) => {
      const reports: ResumeReport[] = []
      const listener = (report: ResumeReport): void => void reports.push(report)
      aco.on('resume', listener)
      const small = start({}, { size: 16 })
      await small.done
      const large = start({}, { size: 4096 })
      await large.done
      aco.off('resume', listener)
      await start({}, { size: 16 }).done
      const shown = reports.map(({ co, stackBytes, large }) => [co.id, stackBytes > 4096, large])
      const first = (id: number) => [id, false, false]
      expect(shown).toEqual([
        ...Array(4).fill(first(small.id)),
        first(large.id),
        ...Array(3).fill([large.id, true, true]),
      ])
    }))

  it('writes a line of debugging for each resume (A-AC-19, AC-06)', async () => {
    const lines: string[] = []
    await withTask(
      'keeps_locals',
      { size: 4096, rounds: 2n, ns: 0n },
      async ({ start }) => {
        await start().done
      },
      { debugging: true, log: (line: string) => lines.push(line) },
    )
    const resumes = lines.filter((line) => line.startsWith('aco resume keeps_locals'))
    expect(resumes).toHaveLength(3)
    expect(resumes[0]).toMatch(/ with 0 bytes of stack$/)
    expect(resumes[1]).toMatch(/ with 4\d\d\d bytes of stack, which is large$/)
  })

  it('sleeps by the hundred thousand in less than 1 KiB each, and all wake (A-AC-20, AC-05)', () =>
    withAco(async () => {
      const task = taskBytes({ rounds: 1n, ns: BigInt(SECOND_NS) })
      const before = memtypes.totals()
      const all = Array.from({ length: SLEEPERS }, () => aco.startNative('naps', task))
      const { live, switches, saveStackBytes } = aco.stats()
      expect({ live, switches }).toEqual({ live: SLEEPERS, switches: SLEEPERS })
      // All but the one whose stack is in place.
      expect(saveStackBytes / (SLEEPERS - 1)).toBeLessThan(512)
      const { bytes, heldBytes } = memtypes.totals()
      expect((bytes - before.bytes) / SLEEPERS).toBeLessThan(1024)
      expect((heldBytes - before.heldBytes) / SLEEPERS).toBeLessThan(1024)
      await Promise.all(all.map(({ done }) => done))
      expect(aco.stats()).toMatchObject({ live: 0, switches: 2 * SLEEPERS, saveStackBytes: 0 })
    }))

  it('measures a switch (AC-34)', () => {
    expect(aco.switchNs(1000)).toBeGreaterThan(0)
    for (const wrong of [0, -1, 1.5, Number.NaN, '7'])
      expect(codeOf(() => aco.switchNs(wrong as number))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('does nothing to a handle of an eventer that is gone', async () => {
    let co: ReturnType<typeof aco.startNative> | undefined
    await withEventer({}, ({ eventer }) => {
      eventer.start()
      co = aco.startNative('naps', taskBytes({ rounds: 1n, ns: BigInt(SECOND_NS) }))
    })
    co?.cancel()
    expect([co?.state, co?.unpark(1n)]).toEqual(['ended', false])
    expect(await failureCode((co as { done: Promise<void> }).done)).toBe('ECANCELED')
  })
})
