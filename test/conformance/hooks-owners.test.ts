import { describe, expect, it, onTestFinished } from 'vitest'
import { type HookOptions, Hooks, type HookSpec } from '../../lib'
import { nothing, Stage } from './hooks-harness'

const code = (code: string) => expect.objectContaining({ code })

/** The messages of that kind of warning, in the order of their coming, once the loop has turned. */
function warningsOf(wanted: string): () => Promise<string[]> {
  const seen: string[] = []
  const listen = (warning: Error & { code?: string }): void => {
    if (warning.code === wanted) seen.push(warning.message)
  }
  process.on('warning', listen)
  onTestFinished(() => void process.off('warning', listen))
  // Warnings are emitted by process.nextTick, thus before any immediate.
  return () => new Promise((resolve) => setImmediate(() => resolve(seen)))
}

describe('declarations', () => {
  it('gives the same object for the same declaration (HK-01, HK-13, A-HK-15)', () => {
    const hooks = new Hooks()
    const said = hooks.declareVoid<[string]>('core', 'log_permanent_failure_v1')
    expect(hooks.declareVoid('core', 'log_permanent_failure_v1')).toBe(said)
    expect([said.kind, said.scope, said.name]).toEqual(['void', 'core', 'log_permanent_failure_v1'])
    const spec = (): HookSpec<number[]> => ({ default: [0], onReturn: (rv, ret) => ret(rv), callable: ['a'] })
    const asked = hooks.declare<[number, string], number[]>('core', 'asked', spec())
    expect(hooks.declare('core', 'asked', spec())).toBe(asked)
    expect(hooks.declare<[], object>('core', 'handle')).toBe(hooks.declare('core', 'handle'))
    expect(hooks.verdicts.declare('v')).toBe(hooks.verdicts.declare('v'))
  })

  it('names both who declare differently (HK-01, HK-13)', () => {
    const hooks = new Hooks()
    hooks.as('a').declare<[], number>('mine', 'asked', { default: 1, onReturn: (rv, ret) => ret(rv) })
    const specs: HookSpec<unknown>[] = [
      {},
      { default: 2, onReturn: (rv, ret) => ret(rv) },
      { default: 1 },
      { default: 1, onReturn: (rv, ret) => ret(String(rv)) },
      { default: 1, onReturn: (rv, ret) => ret(rv), callable: false },
      { default: 1, onReturn: (rv, ret) => ret(rv), signature: '(): number' },
    ]
    for (const spec of specs)
      expect(() => hooks.as('b').declare('mine', 'asked', spec)).toThrow(
        expect.objectContaining({ code: 'ERR_HOOK_EXISTS', owners: ['a', 'b'] }),
      )
    const rule = function (this: unknown, rv: unknown, ret: (value: unknown) => void) {
      ret([this, rv])
    }
    const [bound, other] = [rule.bind(1), rule.bind(2)]
    const asked = hooks.as('a').declare('mine', 'bound', { onReturn: bound })
    expect(hooks.as('b').declare('mine', 'bound', { onReturn: bound })).toBe(asked)
    for (const onReturn of [other, new Proxy(rule, {})])
      expect(() => hooks.as('b').declare('mine', 'bound', { onReturn })).toThrow(code('ERR_HOOK_EXISTS'))
    expect(() => hooks.declareVoid('mine', 'asked')).toThrow(
      expect.objectContaining({
        code: 'ERR_HOOK_EXISTS',
        owners: ['a', 'the program'],
        message: 'hook mine.asked is declared by a, and as a void hook by the program',
      }),
    )
  })

  it('takes words as scopes and names, and checks what it is given', () => {
    const hooks = new Hooks()
    for (const word of ['', 'a-b', 'a.b', ' a', 'ä', 1, undefined, null, {}]) {
      const name = word as string
      expect(() => hooks.declareVoid(name, 'x')).toThrow(code('ERR_INVALID_ARGUMENT'))
      expect(() => hooks.declare('x', name)).toThrow(code('ERR_INVALID_ARGUMENT'))
      expect(() => hooks.resolve(name, 'x')).toThrow(code('ERR_INVALID_ARGUMENT'))
      expect(() => hooks.has('x', name)).toThrow(code('ERR_INVALID_ARGUMENT'))
      expect(() => hooks.verdicts.declare(name)).toThrow(code('ERR_INVALID_ARGUMENT'))
    }
    const wrong: unknown[] = [null, 1, { callable: 1 }, { callable: [1] }, { signature: 1 }]
    for (const options of wrong) {
      expect(() => hooks.declareVoid('m', 'x', options as HookOptions)).toThrow(code('ERR_INVALID_ARGUMENT'))
      expect(() => hooks.declare('m', 'x', options as HookSpec<number>)).toThrow(code('ERR_INVALID_ARGUMENT'))
    }
    for (const onReturn of [1, async () => {}])
      expect(() => hooks.declare('m', 'x', { onReturn } as unknown as HookSpec<number>)).toThrow(
        code('ERR_INVALID_ARGUMENT'),
      )
    const hook = hooks.declareVoid('m', 'x')
    for (const fn of [undefined, {}, 'text'])
      expect(() => hook.registerLast(fn as never, {})).toThrow(code('ERR_INVALID_ARGUMENT'))
    for (const options of [1, { module: 1 }, { strictClosure: 'yes' }])
      expect(() => hook.registerLast(nothing, {}, options as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
    for (const options of [1, { phases: 1 }, { thread: 'main' }, { onError: 1 }])
      expect(() => new Hooks(options as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
    for (const window of [
      undefined,
      {},
      { ...window0(hooks), phase: 'init' },
      { ...window0(hooks), singleton: 1 },
    ])
      expect(() => hooks.during(window as never, nothing)).toThrow(code('ERR_INVALID_ARGUMENT'))
    expect(() => hooks.during(window0(hooks), 1 as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
    expect(() => hooks.as('')).toThrow(code('ERR_INVALID_ARGUMENT'))
    expect(hook.has()).toBe(0)
  })

  it('leaves everything as it was where a getter of what it is given throws', () => {
    const hooks = new Hooks()
    const spec = {
      get default(): number {
        throw new RangeError('mine')
      },
    }
    expect(() => hooks.declare<[], number>('m', 'x', spec)).toThrow(RangeError)
    expect(hooks.resolve('m', 'x')).toBeUndefined()
    expect(hooks.list()).toEqual([])
  })
})

function window0(hooks: Hooks) {
  return {
    module: 'm',
    phase: 'confSetup',
    singleton: true,
    privileged: false,
    registry: hooks.current,
    infrastructure: {},
  } as const
}

describe('owners', () => {
  it('lets modules provide core hooks, not call them (HK-06, A-HK-7)', async () => {
    const hooks = new Hooks()
    const mine = hooks.as('mod')
    const core = hooks.declareVoid<[number]>('core', 'message')
    const open = hooks.declareVoid<[number]>('core', 'open', { callable: true })
    const seen: number[] = []
    const guarded = mine.declareVoid<[number]>('core', 'message')
    expect(guarded).toBe(mine.resolve('core', 'message'))
    guarded.registerLast((_, n) => seen.push(n), {})
    expect(guarded.has()).toBe(1)
    for (let i = 0; i < 2000; i++) expect(() => guarded.call(1)).toThrow(code('ERR_HOOK_SCOPE'))
    const txn = { hookRegistry: hooks.current }
    expect(() => guarded.callTxn(txn, 1)).toThrow(code('ERR_HOOK_SCOPE'))
    await expect(guarded.callAsync(1)).rejects.toThrow(code('ERR_HOOK_SCOPE'))
    await expect(guarded.callTxnAsync(txn, 1)).rejects.toThrow(code('ERR_HOOK_SCOPE'))
    expect(seen).toEqual([])
    core.call(2)
    expect(seen).toEqual([2])
    expect(mine.resolve('core', 'open')).toBe(open)
    expect(() => mine.declareVoid('core', 'new')).toThrow(code('ERR_HOOK_SCOPE'))
    expect(() => mine.declareVoid('config', 'new')).toThrow(code('ERR_HOOK_SCOPE'))
    expect(() => hooks.declareVoid('verdict', 'new')).toThrow(code('ERR_HOOK_SCOPE'))
    const inWindow = () => hooks.declareVoid('core', 'other')
    expect(() => new Stage(hooks).singleton('mod', inWindow)).toThrow(code('ERR_HOOK_SCOPE'))
  })

  it('knows who registers by name, whatever that says (HK-06, HK-19)', () => {
    const hooks = new Hooks()
    hooks.as('a').register('mine', 'said', 'last', nothing, {}, { module: 'core' })
    expect(hooks.list()[0]?.providers[0]?.module).toBe('a')
    expect(() => hooks.as('a').register('mine', 'said', 'last', nothing, {}, 1 as never)).toThrow(
      code('ERR_INVALID_ARGUMENT'),
    )
    expect(hooks.as('a')).toBe(hooks.as('a'))
    expect(hooks.as('a')).not.toBe(hooks.as('b'))
  })

  it('does not let a module use the phase of another one that calls it (HK-08)', () => {
    const hooks = new Hooks({ phases: true })
    const b = hooks.as('b')
    const stage = new Stage(hooks)
    const asked = hooks.declare<[], unknown>('b', 'asked')
    const pending = hooks.fork()
    const attempts: unknown[] = []
    const attempt = (self: object): unknown => {
      try {
        return attempts.push(b.register('mod', 'said', 'last', nothing, self))
      } catch (error) {
        return attempts.push(error)
      }
    }
    stage.perGeneration('b', (self) => asked.registerLast(attempt, self))
    stage.perGeneration('a', () => asked.call(), pending)
    expect(attempts).toEqual([code('ERR_PHASE')])
    hooks.activate(pending)
    expect(hooks.has('mod', 'said')).toBe(0)
  })

  it('lets a module call its own hooks and those of related modules (HK-06, A-HK-7)', () => {
    const hooks = new Hooks()
    const [a, b, c] = [hooks.as('a'), hooks.as('b'), hooks.as('c')]
    a.declareVoid('mine', 'open').call()
    b.resolve('mine', 'open')?.call()
    a.declareVoid('mine', 'closed', { callable: false }).call()
    expect(() => b.resolve('mine', 'closed')?.call()).toThrow(code('ERR_HOOK_SCOPE'))
    a.declareVoid('mine', 'shared', { callable: ['b'] }).call()
    b.resolve('mine', 'shared')?.call()
    expect(() => c.resolve('mine', 'shared')?.call()).toThrow(code('ERR_HOOK_SCOPE'))
    hooks.resolve('mine', 'closed')?.call()
    expect(hooks.list().map(({ owner }) => owner)).toEqual(['a', 'a', 'a'])
  })

  it('brings modules together in either order (HK-14, HK-17, A-HK-13)', () => {
    const hooks = new Hooks()
    const [consumer, provider] = [hooks.as('consumer'), hooks.as('provider')]
    const early = consumer.declare<[string], string>('greeting', 'text', { default: 'nobody' })
    expect(early.call('x')).toBe('nobody')
    provider
      .declare<[string], string>('greeting', 'text', { default: 'nobody' })
      .registerLast((_, name) => `hello ${name}`, {})
    expect(early.call('x')).toBe('hello x')

    expect(consumer.resolve('greeting', 'late')).toBeUndefined()
    provider.register('greeting', 'late', 'last', (_, name: string) => `bye ${name}`, {})
    expect(consumer.has('greeting', 'late')).toBe(1)
    expect(consumer.resolve('greeting', 'late')).toBeUndefined()
    const late = consumer.declare<[string], string>('greeting', 'late')
    expect(late.call('y')).toBe('bye y')
    expect(hooks.list().find(({ name }) => name === 'late')).toMatchObject({
      owner: 'consumer',
      providers: [{ module: 'provider' }],
    })
  })
})

describe('verdict hooks', () => {
  it('asks the newest first; done goes on, abort does not (HK-16, A-HK-12)', async () => {
    const hook = new Hooks().verdicts.declare<[string[]]>('accept')
    expect(hook.invoke([])).toBe('continue')
    const say = (closure: 'continue' | 'done' | 'abort' | undefined, log: string[]) => {
      log.push(String(closure))
      return closure
    }
    const asked = (): [string, string[]] => {
      const log: string[] = []
      return [hook.invoke(log), log]
    }
    hook.register('quiet', say, undefined)
    hook.register('indifferent', say, 'continue')
    expect(asked()).toEqual(['continue', ['continue', 'undefined']])
    hook.register('busy', say, 'done')
    expect(asked()).toEqual(['done', ['done', 'continue', 'undefined']])
    const never = hook.register('never', say, 'abort')
    hook.register('polite', say, 'continue')
    expect(asked()).toEqual(['abort', ['continue', 'abort']])
    expect(await hook.invokeAsync([])).toBe('abort')
    never.unregister()
    hook.register('slow', async () => 'continue' as const, undefined)
    expect(() => hook.invoke([])).toThrow(code('ERR_HOOK_ASYNC'))
    expect(await hook.invokeAsync([])).toBe('done')
  })

  it('is found by its name at run time (HK-17)', () => {
    const hooks = new Hooks()
    expect(hooks.verdicts.resolve('accept')).toBeUndefined()
    const hook = hooks.verdicts.declare('accept')
    expect(hooks.as('m').verdicts.resolve('accept')?.kind).toBe('verdict')
    expect(hooks.verdicts.resolve('accept')).toBe(hook)
  })

  it('fails with who threw, or said something else (HK-16, HK-20)', () => {
    const hook = new Hooks().verdicts.declare('accept')
    const wrong = hook.register('wrong', () => 'perhaps' as never, {})
    expect(() => hook.invoke()).toThrow(
      expect.objectContaining({
        code: 'ERR_HOOK_PROVIDER',
        provider: 'wrong',
        cause: code('ERR_INVALID_ARGUMENT'),
      }),
    )
    wrong.unregister()
    hook.register('promising', () => Promise.resolve('done' as const), {})
    expect(() => hook.invoke()).toThrow(code('ERR_HOOK_ASYNC'))
    hook.register(
      'broken',
      () => {
        throw new Error('broken')
      },
      {},
    )
    expect(() => hook.invoke()).toThrow(expect.objectContaining({ provider: 'broken' }))
    expect(() => hook.register('', () => undefined, {})).toThrow(code('ERR_INVALID_ARGUMENT'))
  })

  it('reads once whether a provider promises (HK-16, HK-18)', () => {
    const hook = new Hooks().verdicts.declare('accept')
    let reads = 0
    const trap = {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      get then(): undefined {
        if (++reads > 1) throw new RangeError('read twice')
        return undefined
      },
    }
    hook.register('trap', () => trap as never, {})
    expect(() => hook.invoke()).toThrow(
      expect.objectContaining({ provider: 'trap', cause: code('ERR_INVALID_ARGUMENT') }),
    )
    expect(reads).toBe(1)
  })
})

describe('scripts', () => {
  it('provides the hooks its functions are named after (HK-15, A-HK-11)', async () => {
    const warnings = warningsOf('HEDDLE_HOOK_SCRIPT')
    const hooks = new Hooks()
    const enqueue = hooks.declare<[message: string, now: number], number>('core', 'message_enqueue', {
      default: -1,
    })
    const seen: unknown[][] = []
    const mod = {
      count: 0,
      core_message_enqueue(...args: unknown[]) {
        this.count++
        seen.push(args)
        return 0
      },
      core_no_such_hook() {},
      _helper() {},
    }
    expect(hooks.scripts.registerModule('enqueue_test', mod)).toEqual({
      name: 'enqueue_test',
      hooks: ['core.message_enqueue'],
      unknown: ['core_no_such_hook'],
    })
    expect(enqueue.call('message', 12)).toBe(0)
    expect(seen).toEqual([[mod, 'message', 12]])
    expect(seen[0]?.[0]).toBe(mod)
    expect(mod.count).toBe(1)
    expect(await warnings()).toEqual([
      'script enqueue_test: function core_no_such_hook is the name of no hook, it provides nothing',
    ])
    // What a script is given leads to no hook: itself, and what it is called with.
    expect(seen[0]).toHaveLength(3)
    for (const name of ['hooks', 'call', 'declare', 'declareVoid', 'resolve'])
      expect(Reflect.has(mod, name)).toBe(false)
    expect(hooks.list()[0]?.providers).toEqual([
      { name: 'core_message_enqueue', module: 'enqueue_test', lifetime: 'process', isAsync: false },
    ])
  })

  it('replaces a script whole, and keeps the old one where the new cannot be read (HK-15, A-MO-16)', () => {
    const hooks = new Hooks()
    const [one, two] = ['one', 'two'].map((name) =>
      hooks.declare<[], string>('core', name, { default: 'none' }),
    )
    hooks.scripts.registerModule('s', { core_one: () => 'first', core_two: () => 'first' })
    const broken = {
      core_one: () => 'broken',
      get core_two(): never {
        throw new RangeError('unreadable')
      },
    }
    expect(() => hooks.scripts.registerModule('s', broken)).toThrow(RangeError)
    expect([one?.call(), two?.call()]).toEqual(['first', 'first'])
    class Second {
      core_two() {
        return 'second'
      }
    }
    hooks.scripts.registerModule('s', new Second())
    expect([one?.call(), two?.call()]).toEqual(['none', 'second'])
    expect(hooks.scripts.list()).toEqual([{ name: 's', hooks: ['core.two'], unknown: [] }])
    expect(hooks.scripts.unregisterModule('s')).toBe(true)
    expect(hooks.scripts.unregisterModule('s')).toBe(false)
    expect(two?.call()).toBe('none')
    for (const script of [undefined, 1, null])
      expect(() => hooks.scripts.registerModule('s', script as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
  })

  it('goes with its generation, and provides what is declared after it (HK-10, HK-15)', async () => {
    const warnings = warningsOf('HEDDLE_HOOK_SCRIPT')
    const hooks = new Hooks()
    const said = hooks.declare<[], string>('core', 'said', { default: 'none' })
    const first = hooks.fork()
    hooks.scripts.registerModule(
      's',
      { core_said: () => 'one', mod_later: () => 'later' },
      { registry: first },
    )
    const later = new Stage(hooks).singleton('mod', () => hooks.declare<[], string>('mod', 'later'), first)
    expect(said.call()).toBe('none')
    hooks.activate(first)
    expect([said.call(), later.call()]).toEqual(['one', 'later'])
    const second = hooks.fork()
    hooks.scripts.registerModule('s', { core_said: () => 'two' }, { registry: second })
    expect(said.call()).toBe('one')
    hooks.activate(second)
    expect(said.call()).toBe('two')
    expect(later.has()).toBe(0)
    expect(await warnings()).toHaveLength(1)
  })

  it('provides neither of two hooks that its name may mean (HK-15)', async () => {
    const warnings = warningsOf('HEDDLE_HOOK_SCRIPT')
    const hooks = new Hooks()
    hooks.declareVoid('a_b', 'c')
    hooks.declareVoid('a', 'b_c')
    expect(hooks.scripts.registerModule('s', { a_b_c() {} }).hooks).toEqual([])
    expect((await warnings())[0]).toContain('may mean a_b.c or a.b_c')
  })

  it('provides neither, whichever of the two and the script comes first (HK-15)', async () => {
    const warnings = warningsOf('HEDDLE_HOOK_SCRIPT')
    const hooks = new Hooks()
    const one = hooks.declareVoid('a_b', 'c')
    hooks.scripts.registerModule('s', { a_b_c() {} })
    expect(one.has()).toBe(1)
    const failing = hooks.fork()
    const declareOther = () => hooks.declareVoid('a', 'b_c')
    new Stage(hooks).singleton('m', declareOther, failing)
    expect(one.has()).toBe(1)
    failing.destroy()
    expect(one.has()).toBe(1)
    const next = hooks.fork()
    const other = new Stage(hooks).singleton('m', declareOther, next)
    expect([one.has(), other.has()]).toEqual([1, 0])
    hooks.activate(next)
    expect([one.has(), other.has()]).toEqual([0, 0])
    expect(hooks.scripts.list()).toEqual([{ name: 's', hooks: [], unknown: ['a_b_c'] }])
    expect((await warnings()).filter((text) => text.includes('may mean a_b.c or a.b_c'))).toHaveLength(2)
  })

  it('turns to another hook where the one it provided was given up (HK-15)', () => {
    const hooks = new Hooks()
    hooks.scripts.registerModule('s', { a_b_c: () => 'script' })
    const failing = hooks.fork()
    new Stage(hooks).singleton('m', () => hooks.declareVoid('a_b', 'c'), failing)
    failing.destroy()
    const other = hooks.declare<[], string>('a', 'b_c', { default: 'nobody' })
    expect(other.call()).toBe('script')
    expect(hooks.has('a_b', 'c')).toBe(0)
  })

  it('registers when and where providers may be registered (HK-08, HK-15)', async () => {
    const hooks = new Hooks({ phases: true })
    const stage = new Stage(hooks)
    const said = hooks.declare<[], string>('core', 'said', { default: 'nobody' })
    const register = (word: string) => hooks.scripts.registerModule('s', { core_said: () => word })
    expect(() => register('outside')).toThrow(code('ERR_PHASE'))
    const window = { ...window0(hooks), phase: 'extInit', singleton: true } as const
    expect(() => hooks.during(window, () => register('in a wrong phase'))).toThrow(code('ERR_PHASE'))
    expect(said.call()).toBe('nobody')

    const [first, second] = [hooks.fork(), hooks.fork()]
    const inFirst = (word: string) =>
      hooks.scripts.registerModule('s', { core_said: () => word }, { registry: first })
    inFirst('first')
    hooks.activate(first)
    hooks.activate(second)
    expect(() => inFirst('late')).toThrow(code('ERR_PHASE'))
    expect(() => stage.perGeneration('m', () => register('late'), first)).toThrow(code('ERR_PHASE'))
    expect(said.callTxn({ hookRegistry: first })).toBe('first')
    first.destroy()
    expect(() => inFirst('later')).toThrow(code('ERR_RELEASED'))

    const elsewhere = new Hooks({ phases: true, thread: -1 })
    expect(() => elsewhere.scripts.registerModule('s', {}, { registry: elsewhere.fork() })).toThrow(
      code('ERR_WRONG_THREAD'),
    )
  })

  it('lives as long as the program where a singleton registers it (HK-08, HK-15)', () => {
    const hooks = new Hooks({ phases: true })
    const stage = new Stage(hooks)
    const said = hooks.declare<[], string>('core', 'said', { default: 'nobody' })
    const register = (word: string) => () => hooks.scripts.registerModule('s', { core_said: () => word })
    const [failing, first] = [hooks.fork(), hooks.fork()]
    stage.singleton('m', register('failed'), failing)
    failing.destroy()
    expect(said.call()).toBe('nobody')
    stage.singleton('m', register('first'), first)
    hooks.activate(first)
    hooks.activate(hooks.fork())
    expect(said.call()).toBe('first')
    stage.singleton('m', register('at once'))
    expect([said.call(), said.has()]).toEqual(['at once', 1])
    const next = hooks.fork()
    stage.singleton('m', register('next'), next)
    hooks.activate(next)
    expect([said.call(), said.has()]).toEqual(['next', 1])
    expect(hooks.scripts.list()).toEqual([{ name: 's', hooks: ['core.said'], unknown: [] }])
  })

  it('may be a class, whose static functions count (HK-15)', () => {
    const hooks = new Hooks()
    const said = hooks.declare<[], string>('core', 'said')
    // biome-ignore lint/complexity/noStaticOnlyClass: that is what is tested
    class Script {
      static core_said() {
        return 'static'
      }
    }
    expect(hooks.scripts.registerModule('s', Script)).toEqual({
      name: 's',
      hooks: ['core.said'],
      unknown: [],
    })
    expect(said.call()).toBe('static')
  })
})
