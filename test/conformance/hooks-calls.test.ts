import { describe, expect, it } from 'vitest'
import { type HookError, type HookRegistration, Hooks as SourceHooks } from '../../lib'
import { CONDITIONS, nothing, prepared } from './hooks-harness'

/** Provider counts on both sides of what is unrolled, and argument counts on both sides of what is compiled. */
const PROVIDERS = [0, 1, 2, 9, 10, 11, 25]
const ARGUMENTS = [0, 1, 2, 3, 4, 5, 6, 7, 9]

describe.each(CONDITIONS)('hooks $condition', ({ Hooks, isHot }) => {
  const voidHook = <A extends unknown[]>(count = 0) =>
    prepared(new Hooks().declareVoid<A>('mod', 'said'), isHot, count)

  it('runs firsts newest first, then lasts oldest first (HK-03, A-HK-1)', () => {
    const hook = voidHook()
    const seen: string[] = []
    const note = (closure: string) => seen.push(closure)
    hook.registerFirst(note, 'A')
    hook.registerFirst(note, 'B')
    hook.registerLast(note, 'C')
    hook.registerLast(note, 'D')
    hook.call()
    expect(seen).toEqual(['B', 'A', 'C', 'D'])
  })

  it('gives each provider the closure it was registered with, and runs it once for each (HK-04, A-HK-2)', () => {
    const hook = voidHook<[number]>(1)
    const seen: unknown[][] = []
    const note = (...args: unknown[]) => seen.push(args)
    const [one, two] = [{}, {}]
    hook.registerLast(note, one)
    hook.registerLast(note, two)
    hook.call(7)
    expect(seen).toEqual([
      [one, 7],
      [two, 7],
    ])
    expect(seen[0]?.[0]).toBe(one)
    expect(seen[1]?.[0]).toBe(two)
  })

  it('counts the providers, and lists what was asked for (HK-05, HK-19, A-HK-3)', () => {
    const hooks = new Hooks()
    const hook = prepared(hooks.declareVoid('mod', 'said'), isHot)
    expect(hook.has()).toBe(0)
    hook.registerLast(function greet() {}, {}, { module: 'greeter' })
    hook.registerFirst(async () => {}, {})
    expect(hook.has()).toBe(2)
    expect(hooks.has('other', 'unheard_of')).toBe(0)
    const provider = { module: undefined, lifetime: 'process', isAsync: false }
    expect(hooks.list()).toEqual([
      {
        scope: 'mod',
        name: 'said',
        kind: 'void',
        owner: undefined,
        providers: [
          { ...provider, name: '(anonymous)', isAsync: true },
          { ...provider, name: 'greet', module: 'greeter' },
        ],
      },
      { scope: 'other', name: 'unheard_of', kind: 'undeclared', owner: undefined, providers: [] },
    ])
  })

  it.each(ARGUMENTS)('hands exactly %i arguments to every provider, and no `this` (HK-01)', (count) => {
    for (const providers of PROVIDERS) {
      const hook = voidHook<unknown[]>(count)
      const seen: unknown[][] = []
      for (let i = 0; i < providers; i++)
        hook.registerLast(function (this: unknown, ...args: unknown[]) {
          seen.push([this, ...args])
        }, i)
      const args = Array.from({ length: count }, (_, i) => `a${i}`)
      hook.call(...args)
      expect(seen).toEqual(Array.from({ length: providers }, (_, i) => [undefined, i, ...args]))
    }
  })

  it('takes other numbers of arguments than it is mostly called with (HK-01)', () => {
    const hook = voidHook<unknown[]>(1)
    const seen: unknown[][] = []
    hook.registerLast((_, ...args) => seen.push(args), {})
    for (const args of [[1], [], [1, 2, 3], new Array(20).fill(0), [2]]) {
      hook.call(...args)
      expect(seen.pop()).toEqual(args)
    }
  })

  it('returns early as its rule says, and the last value otherwise (HK-02, A-HK-4)', () => {
    const hook = prepared(
      new Hooks().declare<[], number>('core', '__mail_queue_maintain', {
        default: -1,
        onReturn: (rv, ret) => {
          if (rv !== 0) ret(rv)
        },
      }),
      isHot,
    )
    const asked: number[] = []
    const answer = (closure: number): number => {
      asked.push(closure)
      return closure
    }
    expect(hook.call()).toBe(-1)
    const providers = [0, 5, 7].map((closure) => hook.registerLast(answer, closure))
    expect(hook.call()).toBe(5)
    expect(asked).toEqual([0, 5])
    providers[1]?.unregister()
    providers[2]?.unregister()
    hook.registerLast(answer, 0)
    expect(hook.call()).toBe(0)
  })

  it.each(PROVIDERS.slice(1))('looks at the rule after each of %i providers (HK-02)', (count) => {
    for (let early = 0; early <= count; early++) {
      const judged: number[] = []
      const hook = prepared(
        new Hooks().declare<[string], number>('mod', 'asked', {
          onReturn: (rv, ret) => {
            judged.push(rv)
            if (rv === early) ret(rv * 10)
          },
        }),
        isHot,
        1,
      )
      for (let i = 0; i < count; i++) hook.registerLast((closure: number) => closure, i)
      expect(hook.call('x')).toBe(early < count ? early * 10 : count - 1)
      expect(judged).toEqual(Array.from({ length: Math.min(early + 1, count) }, (_, i) => i))
    }
  })

  it('returns the last value without a rule, undefined among them (HK-02)', () => {
    const hook = prepared(new Hooks().declare<[], number | undefined>('mod', 'asked'), isHot)
    hook.registerLast(() => 1, {})
    hook.registerLast(() => undefined, {})
    expect(hook.call()).toBeUndefined()
  })

  it('returns the first handle of a hook without arguments (HK-21, A-HK-4)', () => {
    const hook = prepared(
      new Hooks().declare<[], object>('mod', 'get_module_closure', { onReturn: (rv, ret) => ret(rv) }),
      isHot,
    )
    const [self, other] = [{ private: 1 }, {}]
    hook.registerLast((closure: object) => closure, self)
    hook.registerLast((closure: object) => closure, other)
    expect(hook.call()).toBe(self)
  })

  it('has no value without providers and default (HK-07, A-HK-4)', async () => {
    const hook = prepared(new Hooks().declare<[], number>('mod', 'asked'), isHot)
    const failure = expect.objectContaining({ code: 'ERR_NO_PROVIDER' })
    expect(() => hook.call()).toThrow(failure)
    await expect(hook.callAsync()).rejects.toThrow(failure)
    const undefinedByDefault = prepared(
      new Hooks().declare<[], undefined>('mod', 'asked', { default: undefined }),
      isHot,
    )
    expect(undefinedByDefault.call()).toBeUndefined()
  })

  it('runs all providers of a void hook, and reports each that throws once (HK-20, A-HK-5)', () => {
    for (const count of [1, 3, 10, 13]) {
      const hooks = new Hooks()
      const errors: HookError[] = []
      hooks.onError = (error) => errors.push(error as HookError)
      const hook = prepared(hooks.declareVoid<[number]>('mod', 'said'), isHot, 1)
      const causes: Error[] = []
      const ran: number[] = []
      for (let i = 0; i < count; i++)
        hook.registerLast(
          function unlucky(closure: number) {
            ran.push(closure)
            if (closure % 2 === 1) return
            const cause = new Error(`no ${closure}`)
            causes.push(cause)
            throw cause
          },
          i,
          { module: `m${i}` },
        )
      expect(hook.call(1)).toBeUndefined()
      expect(ran).toEqual(Array.from({ length: count }, (_, i) => i))
      expect(errors.map(({ cause }) => cause)).toEqual(causes)
      expect(errors[0]).toMatchObject({
        code: 'ERR_HOOK_PROVIDER',
        hook: 'mod.said',
        provider: 'unlucky',
        module: 'm0',
        message: 'hook mod.said: provider unlucky of module m0: no 0',
      })
    }
  })

  it('lets through what a provider with a result throws, and runs no later one (HK-20, A-HK-5)', () => {
    const hook = prepared(new Hooks().declare<[], number>('mod', 'asked', { default: 0 }), isHot)
    const ran: string[] = []
    hook.registerLast((closure: string) => ran.push(closure), 'first')
    hook.registerLast(
      function broken() {
        throw 'bare text'
      },
      {},
      { module: 'culprit' },
    )
    hook.registerLast((closure: string) => ran.push(closure), 'third')
    expect(() => hook.call()).toThrow(
      expect.objectContaining({
        code: 'ERR_HOOK_PROVIDER',
        hook: 'mod.asked',
        provider: 'broken',
        module: 'culprit',
        cause: 'bare text',
      }),
    )
    expect(ran).toEqual(['first'])
  })

  it('lets through what the rule throws, as it is, and is as before afterwards (HK-02)', () => {
    const broken = new Error('a broken rule')
    const hook = prepared(
      new Hooks().declare<[string], string>('mod', 'asked', {
        default: '',
        onReturn: (rv, ret) => {
          ret(rv)
          if (rv === 'bad') throw broken
        },
      }),
      isHot,
      1,
    )
    hook.registerLast((_, word) => word, {})
    expect(() => hook.call('bad')).toThrow(broken)
    expect(hook.call('good')).toBe('good')
  })

  it('keeps calls apart that a rule makes of its own hook (HK-02, A-HK-14)', () => {
    const inner: string[] = []
    const hook = prepared(
      new Hooks().declare<[string], string>('mod', 'asked', {
        default: '',
        onReturn: (rv, ret) => {
          if (rv !== 'outer') return ret(`${rv}!`)
          inner.push(hook.call('before'))
          ret('early')
          inner.push(hook.call('after'))
          ret('too late')
        },
      }),
      isHot,
      1,
    )
    hook.registerLast((_, word) => word, {})
    expect(hook.call('outer')).toBe('early')
    expect(inner).toEqual(['before!', 'after!'])
    expect(hook.call('again')).toBe('again!')
  })

  it('refuses a return that was kept from another call, also while a rule runs (HK-02)', () => {
    const kept: ((value: string) => void)[] = []
    const refused: unknown[] = []
    const hook = prepared(
      new Hooks().declare<[string], string>('mod', 'asked', {
        default: '',
        onReturn: (rv, ret) => {
          if (rv === 'kept') kept.push(ret)
          if (rv !== 'stale') return
          try {
            kept[0]?.('by the first')
          } catch (error) {
            refused.push(error)
          }
        },
      }),
      isHot,
      1,
    )
    hook.registerLast((_, word) => word, {})
    expect([hook.call('kept'), hook.call('stale')]).toEqual(['kept', 'stale'])
    for (let i = 0; i < (isHot ? 20_000 : 0); i++) hook.call('plain')
    expect([hook.call('stale'), hook.call('plain')]).toEqual(['stale', 'plain'])
    const late = expect.objectContaining({ code: 'ERR_PHASE' })
    expect(refused).toEqual([late, late])
  })

  it('refuses a return when the rule is over (HK-02)', () => {
    let kept: (value: number) => void = nothing
    const hook = prepared(
      new Hooks().declare<[], number>('mod', 'asked', {
        default: 0,
        onReturn: (_, ret) => {
          kept = ret
        },
      }),
      isHot,
    )
    hook.registerLast(() => 1, {})
    expect(hook.call()).toBe(1)
    expect(() => kept(9)).toThrow(expect.objectContaining({ code: 'ERR_PHASE' }))
    expect(hook.call()).toBe(1)
  })

  it('goes on with the providers of its start (HK-03, A-HK-14)', () => {
    const hook = voidHook<[number]>(1)
    const seen: string[] = []
    const late: HookRegistration[] = []
    const doomed: HookRegistration[] = []
    hook.registerLast((_, depth) => {
      seen.push(`a${depth}`)
      if (depth > 0) return
      for (const registration of doomed) registration.unregister()
      late.push(hook.registerLast((_, inner) => seen.push(`c${inner}`), {}))
      hook.call(1)
    }, {})
    doomed.push(hook.registerLast((_, depth) => seen.push(`b${depth}`), {}))
    hook.call(0)
    expect(seen).toEqual(['a0', 'a1', 'c1', 'b0'])
    seen.length = 0
    hook.call(2)
    expect(seen).toEqual(['a2', 'c2'])
  })

  it('calls what is there, however often that changes (HK-03, HK-10)', () => {
    const hook = new Hooks().declare<[number], number>('mod', 'asked', { default: -1 })
    const { call } = hook
    for (let round = 0; round < 4; round++) {
      prepared(hook, isHot, 1)
      expect(hook.call(1)).toBe(-1)
      const one = hook.registerLast((closure: number, n) => closure + n, round)
      prepared(hook, isHot, 1)
      expect([hook.call(1), call(2)]).toEqual([round + 1, round + 2])
      const other = hook.registerLast((closure: number, n) => closure * n, round)
      expect([hook.call(3), call(3)]).toEqual([round * 3, round * 3])
      one.unregister()
      for (let i = 0; i < (isHot ? 20_000 : 2); i++) hook.call(i)
      expect([hook.call(5), call(5)]).toEqual([round * 5, round * 5])
      other.unregister()
    }
  })

  it('serves whoever keeps a `call`, over all lists that follow (HK-03, HK-10)', () => {
    const hook = new Hooks().declare<[number], number>('mod', 'asked', { default: -1 })
    const kept: ((n: number) => number)[] = []
    for (let round = 0; round < 12; round++) {
      const registration = hook.registerLast((closure: number, n) => closure + n, round)
      kept.push(hook.call)
      for (let i = 0; i < (isHot ? 1500 : 2); i++) hook.call(i)
      kept.push(hook.call)
      expect(kept.map((call) => call(1))).toEqual(kept.map(() => round + 1))
      registration.unregister()
      expect(kept.map((call) => call(1))).toEqual(kept.map(() => -1))
    }
  })

  it('asks providers of a verdict hook, the newest first (HK-16, A-HK-12)', () => {
    for (const count of PROVIDERS) {
      const hook = prepared(new Hooks().verdicts.declare<[string]>('accept'), isHot, 1)
      expect(hook.invoke('')).toBe('continue')
      const asked: number[] = []
      for (let i = 0; i < count; i++)
        hook.register(
          `p${i}`,
          (closure: number, word) => {
            asked.unshift(closure)
            const [verdict, at] = word.split(' ')
            return closure === Number(at) ? (verdict as 'done') : closure % 2 === 0 ? 'continue' : undefined
          },
          i,
        )
      for (let at = 0; at < count; at++) {
        expect(hook.invoke(`done ${at}`)).toBe('done')
        expect(asked.splice(0)).toEqual(Array.from({ length: count }, (_, i) => i))
        expect(hook.invoke(`abort ${at}`)).toBe('abort')
        expect(asked.splice(0)).toHaveLength(count - at)
        expect(() => hook.invoke(`nonsense ${at}`)).toThrow(
          expect.objectContaining({
            provider: `p${at}`,
            cause: expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
          }),
        )
        expect(asked.splice(0)).toHaveLength(count - at)
      }
    }
  })

  it('fails a verdict hook with who throws or promises (HK-16, HK-18, HK-20)', () => {
    const hook = prepared(new Hooks().verdicts.declare('accept'), isHot)
    const failing = (name: string, fn: () => never): void => {
      const registration = hook.register(name, fn, {})
      expect(() => hook.invoke()).toThrow(expect.objectContaining({ provider: name, cause: new Error(name) }))
      registration.unregister()
    }
    hook.register('done', () => 'done', {})
    failing('throws', () => {
      throw new Error('throws')
    })
    failing('unreadable', () => {
      const trap = {
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        get then(): never {
          throw new Error('unreadable')
        },
      }
      return trap as never
    })
    expect(hook.invoke()).toBe('done')
    hook.register('promises', () => Promise.resolve('done' as const), {})
    expect(() => hook.invoke()).toThrow(expect.objectContaining({ code: 'ERR_HOOK_ASYNC' }))
  })

  it('unregisters once (HK-03)', () => {
    const hook = voidHook()
    const registration = hook.registerLast(nothing, {})
    const other = hook.registerLast(nothing, {})
    expect(registration.unregister()).toBe(true)
    expect(registration.unregister()).toBe(false)
    expect(hook.has()).toBe(1)
    other[Symbol.dispose]()
    expect(hook.has()).toBe(0)
  })

  it('refuses a call with an async function before anything runs (HK-18)', async () => {
    const hook = prepared(new Hooks().declare<[], number>('mod', 'asked', { default: 0 }), isHot)
    const ran: string[] = []
    hook.registerLast((closure: string) => ran.push(closure), 'plain')
    hook.registerLast(async (closure: string) => ran.push(closure), 'async')
    expect(() => hook.call()).toThrow(expect.objectContaining({ code: 'ERR_HOOK_ASYNC' }))
    expect(ran).toEqual([])
    expect(await hook.callAsync()).toBe(2)
    expect(ran).toEqual(['plain', 'async'])
  })

  it.each([0, 9, 10, 12])('meets a promise behind %i providers of a void hook (HK-18)', async (before) => {
    const hooks = new Hooks()
    const errors: unknown[] = []
    const hook = prepared(hooks.declareVoid('mod', 'said'), isHot)
    const ran: unknown[] = []
    for (let i = 0; i < before; i++) hook.registerLast(() => ran.push(i), {})
    hook.registerLast(() => Promise.reject(new Error('later')), {})
    hook.registerLast(() => ran.push('last'), {})
    const reported = new Promise<void>((resolve) => {
      hooks.onError = (error) => {
        errors.push(error.cause)
        resolve()
      }
    })
    expect(() => hook.call()).toThrow(expect.objectContaining({ code: 'ERR_HOOK_ASYNC' }))
    expect(ran).toHaveLength(before + 1)
    await reported
    expect(errors).toEqual([new Error('later')])
  })

  it('meets a promise in a hook with a result, and runs no later one (HK-18)', () => {
    const hook = prepared(
      new Hooks().declare<[], number>('mod', 'asked', { default: 0, onReturn: (rv, ret) => ret(rv) }),
      isHot,
    )
    const ran: number[] = []
    hook.registerLast(() => Promise.resolve(1), {})
    hook.registerLast(() => ran.push(2), {})
    expect(() => hook.call()).toThrow(expect.objectContaining({ code: 'ERR_HOOK_ASYNC' }))
    expect(ran).toEqual([])
  })

  it('survives results that cannot be read, and functions that lie about their names (HK-20)', () => {
    const hooks = new Hooks()
    const errors: HookError[] = []
    hooks.onError = (error) => errors.push(error as HookError)
    const hook = prepared(hooks.declareVoid('mod', 'said'), isHot)
    const trap = {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      get then(): never {
        throw new Error('not to be read')
      },
    }
    hook.registerLast(() => trap, {})
    const nameless = (): never => {
      throw { toString: 1 }
    }
    Object.defineProperty(nameless, 'name', {
      get() {
        throw new Error('nameless')
      },
    })
    hook.registerLast(nameless, {})
    hook.call()
    expect(errors.map(({ provider }) => provider)).toEqual(['(anonymous)', '(anonymous)'])
    expect(errors[0]?.cause).toEqual(new Error('not to be read'))
    expect(hooks.list()[0]?.providers).toHaveLength(2)
  })

  it('survives a promise whose constructor cannot be read (HK-18, HK-20)', async () => {
    const hooks = new Hooks()
    const hook = prepared(hooks.declareVoid('mod', 'said'), isHot)
    const ran: string[] = []
    hook.registerLast(() => {
      return Object.defineProperty(Promise.resolve(), 'constructor', {
        get() {
          throw new RangeError('no constructor')
        },
      })
    }, {})
    hook.registerLast(() => ran.push('next'), {})
    const reported = new Promise<unknown>((resolve) => {
      hooks.onError = (error) => resolve(error.cause)
    })
    expect(() => hook.call()).toThrow(expect.objectContaining({ code: 'ERR_HOOK_ASYNC' }))
    expect(ran).toEqual(['next'])
    expect(await reported).toEqual(new RangeError('no constructor'))
  })
})

describe('asynchronous calls', () => {
  it('runs providers one after the other, with the same rule (HK-18)', async () => {
    const hook = new SourceHooks().declare<[number], number>('mod', 'asked', {
      default: -1,
      onReturn: (rv, ret) => {
        if (rv > 1) ret(rv)
      },
    })
    const log: string[] = []
    const answer = async (closure: number, by: number): Promise<number> => {
      log.push(`begin ${closure}`)
      await new Promise<void>((resolve) => setImmediate(resolve))
      log.push(`end ${closure}`)
      return closure * by
    }
    expect(await hook.callAsync(1)).toBe(-1)
    for (const closure of [0, 1, 2]) hook.registerLast(answer, closure)
    hook.registerLast((closure: number, by) => closure * by, 3)
    expect(await hook.callAsync(1)).toBe(2)
    expect(log).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2'])
    expect(await hook.callAsync(2)).toBe(2)
    expect(await hook.callAsync(0)).toBe(0)
  })

  it('reports what is rejected in a void hook, and rejects with it in others (HK-18, HK-20)', async () => {
    const hooks = new SourceHooks()
    const errors: HookError[] = []
    hooks.onError = (error) => errors.push(error)
    const said = hooks.declareVoid('mod', 'said')
    const asked = hooks.declare<[], number>('mod', 'asked')
    const failure = new Error('no')
    const ran: string[] = []
    said.registerLast(() => Promise.reject(failure), {})
    said.registerLast(() => ran.push('second'), {})
    asked.registerLast(() => Promise.reject(failure), {})
    asked.registerLast(() => ran.push('never'), {})
    await said.callAsync()
    expect(errors.map(({ cause }) => cause)).toEqual([failure])
    await expect(asked.callAsync()).rejects.toMatchObject({ hook: 'mod.asked', cause: failure })
    expect(ran).toEqual(['second'])
  })
})
