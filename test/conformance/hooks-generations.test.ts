import { describe, expect, it, onTestFinished } from 'vitest'
import { Hooks, type HookRegistry } from '../../lib'
import { Stage } from './hooks-harness'
import { inWorkerOf } from './compiled'

const code = (code: string) => expect.objectContaining({ code })

/** Warnings with that code, as they come; what a test expects it takes. */
function warnings(wanted: string): { next(): Promise<string>; readonly seen: string[] } {
  const seen: string[] = []
  const waiting: ((message: string) => void)[] = []
  const listen = (warning: Error & { code?: string }): void => {
    if (warning.code !== wanted) return
    seen.push(warning.message)
    waiting.shift()?.(warning.message)
  }
  process.on('warning', listen)
  onTestFinished(() => void process.off('warning', listen))
  return { seen, next: () => new Promise((resolve) => waiting.push(resolve)) }
}

/** A provider that says this into the log it is called with. */
const says = (text: string) => (_: unknown, log: string[]) => log.push(text)

describe('generations', () => {
  it('calls the providers of the current one only (HK-10)', () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid<[string[]]>('mod', 'said')
    const run = (): string[] => {
      const log: string[] = []
      hook.call(log)
      return log
    }
    hook.registerLast(says('program'), {})
    stage.perGeneration('a', (self) => hook.registerFirst(says('a1'), self))
    expect(run()).toEqual(['a1', 'program'])

    const second = hooks.fork()
    stage.perGeneration('a', (self) => hook.registerLast(says('a2'), self), second)
    stage.singleton('s', () => hook.registerFirst(says('singleton'), {}), second)
    expect(run()).toEqual(['a1', 'program'])
    expect(hook.hasTxn({ hookRegistry: second })).toBe(3)
    hooks.activate(second)
    expect(run()).toEqual(['singleton', 'program', 'a2'])

    hooks.activate(hooks.fork())
    expect(run()).toEqual(['singleton', 'program'])
  })

  it('keeps the order of those that stay, and puts in front and at the end across generations (HK-03, HK-10)', () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid<[string[]]>('mod', 'said')
    for (let generation = 0; generation < 3; generation++) {
      const registry = hooks.fork()
      stage.perGeneration('a', (self) => hook.registerFirst(says(`f${generation}`), self), registry)
      hook.registerFirst(says(`F${generation}`), {})
      stage.perGeneration('a', (self) => hook.registerLast(says(`l${generation}`), self), registry)
      hook.registerLast(says(`L${generation}`), {})
      hooks.activate(registry)
    }
    const log: string[] = []
    hook.call(log)
    expect(log).toEqual(['F2', 'f2', 'F1', 'F0', 'L0', 'L1', 'l2', 'L2'])
  })

  it('serves an older one until it is released (HK-11, A-HK-10)', async () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const hook = hooks.declare<[], string>('mod', 'asked', { default: 'nobody' })
    const first = hooks.fork()
    stage.perGeneration('a', (self) => hook.registerLast(() => 'one', self), first)
    hooks.activate(first)
    const second = hooks.fork()
    stage.perGeneration('a', (self) => hook.registerLast(() => 'two', self), second)
    hooks.activate(second)
    hook.registerLast(() => 'later than the first', {})

    const txn = { hookRegistry: first }
    expect(hook.call()).toBe('later than the first')
    expect(hook.callTxn(txn)).toBe('one')
    expect(await hook.callTxnAsync(txn)).toBe('one')
    expect(hook.hasTxn(txn)).toBe(1)
    expect(hook.callTxn({ hookRegistry: second })).toBe('later than the first')
    first.destroy()
    first.destroy()
    expect(() => hook.callTxn(txn)).toThrow(code('ERR_RELEASED'))
    expect(() => hook.hasTxn(txn)).toThrow(code('ERR_RELEASED'))
    await expect(hook.callTxnAsync(txn)).rejects.toThrow(code('ERR_RELEASED'))
    expect(() => hooks.activate(first)).toThrow(code('ERR_RELEASED'))
  })

  it('hands out the object of the module that is current, until release (HK-12, HK-21, A-HK-10)', () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const closure = hooks.declare<[], { alive: boolean }>('mod', 'get_module_closure', {
      onReturn: (rv, ret) => ret(rv),
    })
    const held: HookRegistry[] = []
    for (let generation = 0; generation < 2; generation++) {
      const registry = hooks.fork()
      const self = { alive: true, generation }
      stage.perGeneration('mod', () => closure.registerLast((own: typeof self) => own, self), registry, self)
      hooks.activate(registry)
      held.push(registry)
    }
    expect(closure.call()).toMatchObject({ generation: 1 })
    const [old] = held as [HookRegistry, HookRegistry]
    expect(closure.callTxn({ hookRegistry: old })).toMatchObject({ generation: 0 })
    old.destroy()
    expect(() => closure.callTxn({ hookRegistry: old })).toThrow(code('ERR_RELEASED'))
    expect(closure.call()).toMatchObject({ generation: 1 })
  })

  it('waits for slow providers before a generation ends; new calls find new ones (HK-10, A-HK-9)', async () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid<[string[]]>('mod', 'said')
    let finish: () => void = () => {}
    const slow = new Promise<void>((resolve) => {
      finish = resolve
    })
    const old = hooks.fork()
    const self = { destroyed: false }
    stage.perGeneration(
      'mod',
      () => {
        hook.registerLast(async (own: typeof self, log) => {
          await slow
          log.push(own.destroyed ? 'destroyed' : 'old')
        }, self)
        hook.registerLast((_, log) => log.push('old too'), self)
      },
      old,
      self,
    )
    hooks.activate(old)

    const log: string[] = []
    const call = hook.callAsync(log)
    expect(old.calls).toBe(1)
    const next = hooks.fork()
    stage.perGeneration('mod', (self) => hook.registerLast(says('new'), self), next)
    hooks.activate(next)
    const ended = old.idle().then(() => {
      self.destroyed = true
      log.push('destroyed')
    })
    hook.call(log)
    expect(log).toEqual(['new'])
    finish()
    await Promise.all([call, ended])
    expect(log).toEqual(['new', 'old', 'old too', 'destroyed'])
    expect(old.calls).toBe(0)
    await old.idle()
  })

  it('leaves nothing of one that was not activated (HK-10, A-MO-9)', () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const pending = hooks.fork()
    const known = hooks.declareVoid('mod', 'known')
    const declared = stage.singleton(
      's',
      () => {
        known.registerLast(() => {}, {})
        return hooks.declareVoid('mod', 'fresh')
      },
      pending,
    )
    expect(hooks.resolve('mod', 'fresh')).toBe(declared)
    pending.destroy()
    expect(known.has()).toBe(0)
    expect(hooks.resolve('mod', 'fresh')).toBeUndefined()
    expect(() => stage.singleton('s', () => {}, pending)).toThrow(code('ERR_RELEASED'))
    expect(hooks.declareVoid('mod', 'fresh')).not.toBe(declared)
    expect(hooks.declareVoid('mod', 'known')).toBe(known)
  })

  it('keeps the program alone where the current one is destroyed (HK-10)', () => {
    const hooks = new Hooks()
    const hook = hooks.declareVoid('mod', 'said')
    hook.registerLast(() => {}, 'program')
    new Stage(hooks).perGeneration('a', (self) => hook.registerLast(() => {}, self))
    expect(hook.has()).toBe(2)
    hooks.current.destroy()
    expect(hook.has()).toBe(1)
  })

  it('takes an unregistered provider out of all of them (HK-03, HK-10)', () => {
    const hooks = new Hooks()
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid('mod', 'said')
    const first = hooks.current
    const pending = hooks.fork()
    const program = hook.registerLast(() => {}, {})
    const single = stage.singleton('s', () => hook.registerLast(() => {}, {}), pending)
    const own = stage.perGeneration('a', (self) => hook.registerLast(() => {}, self), pending)
    const counts = () => [
      hook.has(),
      hook.hasTxn({ hookRegistry: first }),
      hook.hasTxn({ hookRegistry: pending }),
    ]
    expect(counts()).toEqual([1, 1, 3])
    hooks.activate(pending)
    expect(counts()).toEqual([3, 1, 3])
    program.unregister()
    expect(counts()).toEqual([2, 0, 2])
    single.unregister()
    own.unregister()
    expect(counts()).toEqual([0, 0, 0])
  })

  it('refuses what is no transaction, or of other hooks, and passes on what its getter throws (HK-11)', () => {
    const hook = new Hooks().declareVoid('mod', 'said')
    const foreign = new Hooks().current
    for (const txn of [undefined, null, 1, {}, { hookRegistry: {} }, { hookRegistry: foreign }])
      expect(() => hook.callTxn(txn as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
    const released = {
      get hookRegistry(): HookRegistry {
        throw new RangeError('released')
      },
    }
    expect(() => hook.hasTxn(released)).toThrow(RangeError)
    expect(() => new Hooks().activate(foreign)).toThrow(code('ERR_INVALID_ARGUMENT'))
  })
})

describe('phases', () => {
  it('registers in the phases of modules only (HK-08, A-HK-6)', async () => {
    const hooks = new Hooks({ phases: true })
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid('mod', 'said')
    const register = () => hook.registerLast(() => {}, {})
    const base = { module: 'm', registry: hooks.current, infrastructure: {} } as const
    const tried = (window: { phase: 'confSetup' | 'extInit'; singleton: boolean; privileged: boolean }) =>
      hooks.during({ ...base, ...window }, () => {
        try {
          register().unregister()
          return 'registered'
        } catch (error) {
          return (error as { code: string }).code
        }
      })
    expect(register).toThrow(code('ERR_PHASE'))
    expect(tried({ phase: 'confSetup', singleton: true, privileged: false })).toBe('registered')
    expect(tried({ phase: 'extInit', singleton: true, privileged: false })).toBe('ERR_PHASE')
    expect(tried({ phase: 'confSetup', singleton: false, privileged: false })).toBe('ERR_PHASE')
    expect(tried({ phase: 'extInit', singleton: false, privileged: true })).toBe('ERR_PHASE')
    const warned = warnings('HEDDLE_HOOK_CLOSURE')
    const warning = warned.next()
    expect(tried({ phase: 'extInit', singleton: false, privileged: false })).toBe('registered')
    expect(await warning).toContain('mod.said, module m')
    expect(register).toThrow(code('ERR_PHASE'))

    const retired = hooks.current
    hooks.activate(hooks.fork())
    expect(() => stage.perGeneration('m', register, retired)).toThrow(code('ERR_PHASE'))
  })

  it('knows the phase over awaits, and closes it for what it leaves behind (HK-08)', async () => {
    const hooks = new Hooks({ phases: true })
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid('mod', 'said')
    const self = {}
    const late: Promise<unknown>[] = []
    let go: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const slow = async (module: string) => {
      await new Promise<void>((resolve) => setImmediate(resolve))
      hook.registerLast(() => {}, self)
      late.push(gate.then(() => hook.registerLast(() => {}, self)))
      return module
    }
    const both = ['a', 'b'].map((name) => stage.perGeneration(name, () => slow(name), hooks.current, self))
    expect(await Promise.all(both)).toEqual(['a', 'b'])
    expect(hooks.list()[0]?.providers.map(({ module }) => module)).toEqual(['a', 'b'])
    go()
    const outcomes = await Promise.allSettled(late)
    expect(outcomes).toEqual([1, 2].map(() => ({ status: 'rejected', reason: code('ERR_PHASE') })))
    const waits = stage.perGeneration(
      'w',
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        then: (resolve: (value: string) => void) => {
          hook.registerLast(() => {}, self)
          resolve('then')
        },
      }),
      hooks.current,
      self,
    )
    expect(await waits).toBe('then')
    expect(hooks.list()[0]?.providers.map(({ module }) => module)).toEqual(['a', 'b', 'w'])
    const failing = stage.perGeneration('c', () => Promise.reject(new Error('set-up')), hooks.current, self)
    await expect(failing).rejects.toThrow('set-up')
    expect(() =>
      stage.perGeneration('d', () => {
        throw new Error('at once')
      }),
    ).toThrow('at once')
    expect(() => hook.registerLast(() => {}, {})).toThrow(code('ERR_PHASE'))
  })

  it('wants the module as the closure of providers of a generation (HK-09, A-HK-6)', () => {
    const hooks = new Hooks({ phases: true, strictClosure: true })
    const stage = new Stage(hooks)
    const hook = hooks.declareVoid('mod', 'said')
    const self = {}
    stage.perGeneration('m', () => hook.registerLast(() => {}, self), hooks.current, self)
    expect(() =>
      stage.perGeneration('m', () => hook.registerLast(() => {}, {}), hooks.current, self),
    ).toThrow(code('ERR_HOOK_CLOSURE'))
    stage.singleton('s', () => hook.registerLast(() => {}, 'anything'))
    expect(hook.has()).toBe(2)
    const lenient = new Hooks()
    const strict = { strictClosure: true }
    const other = lenient.declareVoid('mod', 'said')
    expect(() =>
      new Stage(lenient).perGeneration('m', () => other.registerLast(() => {}, {}, strict)),
    ).toThrow(code('ERR_HOOK_CLOSURE'))
    expect(other.has()).toBe(0)
  })

  it('registers on the thread that set up the first ones (HK-08, A-HK-6)', async () => {
    new Hooks({ phases: true })
    const answer = await inWorkerOf(
      { heddle: 'index.js' },
      `const { Hooks } = heddle
       const hooks = new Hooks({ phases: true })
       const hook = hooks.declareVoid('mod', 'said')
       const window = { module: 'm', phase: 'confSetup', singleton: true, privileged: false, registry: hooks.current, infrastructure: {} }
       const codes = []
       for (const run of [(f) => f(), (f) => hooks.during(window, f), (f) => hooks.during({ ...window, thread: data }, f)]) {
         try { run(() => hook.registerLast(() => {}, {})); codes.push('registered') } catch (error) { codes.push(error.code) }
       }
       const own = new Hooks().declareVoid('mod', 'said')
       own.registerLast(() => {}, {})
       return [...codes, own.has()]`,
      0,
    )
    expect(answer).toEqual(['ERR_WRONG_THREAD', 'ERR_WRONG_THREAD', 'ERR_WRONG_THREAD', 1])
  })
})
