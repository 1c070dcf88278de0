import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Hooks, type VoidHook } from '../../lib'

// Only there hooks have callers of their own.
const { Hooks: Compiled } = createRequire(__filename)(join(__dirname, '../../dist/index.js')) as {
  Hooks: typeof Hooks
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const HOOKS = 100

/** Full collections, with turns of the loop between them: finalizers and caches take more than one. */
async function collected(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

describe('generations of hooks', () => {
  const hooks = new Hooks()
  const all = Array.from({ length: HOOKS }, (_, i) => hooks.declareVoid<[number]>('mod', `h${i}`))
  for (const hook of all) hook.registerLast(() => {}, {})

  function reload(touched: number, closures: WeakRef<object>[]): void {
    const registry = hooks.fork()
    const infrastructure = { load: new Array(100).fill(0) }
    closures.push(new WeakRef(infrastructure))
    const window = {
      module: 'm',
      phase: 'extInit',
      singleton: false,
      privileged: false,
      registry,
      infrastructure,
    } as const
    hooks.during(window, () => {
      for (const hook of all.slice(0, touched)) hook.registerLast(() => {}, infrastructure)
    })
    const old = hooks.current
    hooks.activate(registry)
    for (const hook of all) hook.callTxn({ hookRegistry: old }, 1)
    if (closures.length % 2 === 0) old.destroy()
  }

  it('leave no memory: a thousand forks, destroyed or dropped (HK-10)', async () => {
    const closures: WeakRef<object>[] = []
    for (let i = 0; i < 100; i++) reload(HOOKS, closures)
    for (let i = 0; i < 1000; i++) reload(HOOKS, closures)
    const alive = () => closures.filter((closure) => closure.deref() !== undefined)
    for (let i = 0; i < 20 && alive().length > 1; i++) await collected()
    expect(alive()).toHaveLength(1)
  })

  it('leave nothing in a hook that was called often, and is not called any more (HK-10)', async () => {
    const often = new Compiled().declareVoid<[number]>('mod', 'often')
    const register = () => {
      const closure = { load: new Array(100).fill(0) }
      return { closure: new WeakRef(closure), registration: often.registerLast(() => {}, closure) }
    }
    const { closure, registration } = register()
    for (let i = 0; i < 50_000; i++) often.call(i)
    registration.unregister()
    for (let i = 0; i < 20 && closure.deref() !== undefined; i++) await collected()
    expect(closure.deref()).toBeUndefined()
  })

  it('share the lists of hooks that nobody touched (HK-10)', () => {
    const lists = () => hooks.list().map(({ providers }) => providers.length)
    const before = hooks.current
    hooks.activate(hooks.fork())
    expect(lists()).toEqual(all.map(() => 1))
    const registry = hooks.fork()
    expect([registry.own.size, registry.merged.size]).toEqual([0, 0])
    for (const hook of all) expect(hook.hasTxn({ hookRegistry: registry })).toBe(1)
    expect([registry.own.size, registry.merged.size]).toEqual([0, 0])
    registry.destroy()
    before.destroy()
  })

  it('share them too where another provider was taken out before (HK-03, HK-10)', () => {
    const [one, two] = all as [VoidHook<[number]>, VoidHook<[number]>]
    const passing = [one, two].map((hook) => hook.registerLast(() => {}, {}))
    const before = hooks.current
    hooks.activate(hooks.fork())
    passing[0]?.unregister()
    const registry = hooks.fork()
    for (const hook of all) hook.hasTxn({ hookRegistry: registry })
    expect(registry.merged.size).toBe(0)
    // Only what has a provider that is gone is a list of its own.
    expect([one.hasTxn({ hookRegistry: before }), two.hasTxn({ hookRegistry: before })]).toEqual([1, 2])
    expect(before.merged.size).toBe(1)
    passing[1]?.unregister()
    registry.destroy()
    before.destroy()
  })

  it('let go of what was declared and registered for one that failed (HK-10)', () => {
    const registry = hooks.fork()
    const window = {
      module: 'm',
      phase: 'confSetup',
      singleton: true,
      privileged: false,
      registry,
      infrastructure: {},
    } as const
    hooks.during(window, () => {
      hooks.declareVoid('mod', 'never').registerLast(() => {}, {})
      all[0]?.registerLast(() => {}, {})
    })
    registry.destroy()
    expect(registry.own.size).toBe(0)
    expect(all[0]?.has()).toBe(1)
  })
})
