import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Infrastructure, ModuleSpec } from '../../lib'
import { gateOf, siteOf, thrownBy } from './modules-harness'

/** A module whose objects are numbered; its provider waits for `wait` and says what it saw. */
function counted(log: string[], wait: () => Promise<void>): ModuleSpec<{ number: number }> {
  let made = 0
  return {
    name: 'mod',
    confSetup: (_self, context) => {
      context.registerCommand('modsay', async (response) => {
        await wait()
        log.push('command ends')
        response.push('said')
      })
    },
    extInit: (self, _txn, _output, { mode, privileged }) => {
      if (mode === 'destroy') {
        log.push(`destroy #${self.privateData?.number}`)
        self.privateData = undefined
        return
      }
      if (privileged) return
      self.privateData = { number: ++made }
      self.hooks.register('test', 'slow', 'last', provider, self)
    },
    control: (_self, response) => void response.push('status'),
  }

  async function provider(self: Infrastructure<{ number: number }>): Promise<string> {
    await wait()
    log.push(`call saw #${self.privateData?.number}`)
    return `by #${self.privateData?.number}`
  }
}

describe('the end of the modules', () => {
  it('waits for calls, commands and closures in progress, and nothing reaches an object afterwards (A-MO-3, HK-10, MO-13)', async () => {
    const { config, modules, hooks, log } = siteOf()
    const gate = gateOf()
    const hook = hooks.declare<[], string>('test', 'slow', { default: 'nobody' })
    modules.add(counted(log, () => gate.opened))
    await config.loadText('mod { }')
    await modules.postInit()
    const call = hook.callAsync()
    const command = modules.control('modsay')
    await nextTurn()
    const used = modules.withClosure('mod', async (self) => {
      await gate.opened
      return self.privateData
    })
    const closed = modules.close()
    await nextTurn()
    // It has begun: what comes now finds nobody.
    expect(hook.has()).toBe(0)
    expect(await hook.callAsync()).toBe('nobody')
    expect(modules.loaded()).toEqual([])
    expect(() => modules.withClosure('mod', () => 1)).toThrow(
      expect.objectContaining({ code: 'ERR_MODULE_UNKNOWN' }),
    )
    expect(log).toEqual([])
    gate.open()
    await closed
    expect(await call).toBe('by #1')
    expect(await command).toEqual({ ok: true, text: 'said' })
    expect(await used).toEqual({ number: 1 })
    expect(log.slice(-1)).toEqual(['destroy #1'])
    expect(log).toHaveLength(3)
    for (const line of ['mod status', 'modsay']) {
      const { ok, text } = await modules.control(line)
      expect([ok, text]).toEqual([false, expect.stringContaining('unknown command')])
    }
    expect(config.stats().holds).toBe(0)
    expect(await thrownBy(modules.postInit())).toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('does not wait for ever, and says so (MO-13)', async () => {
    const { config, modules, hooks, log, failures } = siteOf({}, { timeout: 50 })
    const gate = gateOf()
    const hook = hooks.declare<[], string>('test', 'slow', { default: 'nobody' })
    modules.add(counted(log, () => gate.opened))
    await config.loadText('mod { }')
    await modules.postInit()
    const call = hook.callAsync()
    await modules.close()
    expect(log).toEqual(['destroy #1'])
    expect(failures).toMatchObject([{ code: 'ETIME' }])
    gate.open()
    await call
  })

  it('ends what readers of older generations hold, before what is active (A-MO-3, HK-11, MO-13)', async () => {
    const { config, modules, hooks, log } = siteOf()
    const hook = hooks.declare<[], string>('test', 'slow')
    modules.add(counted(log, async () => undefined))
    await config.loadText('mod { }')
    await modules.postInit()
    const first = config.snapshot()
    await config.loadText('mod { }')
    const second = config.snapshot()
    await config.loadText('mod { }')
    expect(await hook.callTxnAsync(first)).toBe('by #1')
    log.length = 0
    await modules.close()
    expect(log).toEqual(['destroy #1', 'destroy #2', 'destroy #3'])
    for (const snapshot of [first, second, config.snapshot()]) {
      expect(() => hook.callTxn(snapshot)).toThrow(expect.objectContaining({ code: 'ERR_RELEASED' }))
      snapshot.release()
    }
    await nextTurn()
    expect(log).toHaveLength(3)
  })

  it('takes out what singletons have registered, before any of them is told (MO-12, HK-10)', async () => {
    const { config, modules, hooks, log } = siteOf()
    const hook = hooks.declareVoid('test', 'told')
    for (const name of ['one', 'two'])
      modules.add({
        name,
        singleton: true,
        confSetup: (self) => void self.hooks.register('test', 'told', 'last', () => undefined, self),
        extInit: () => 0,
        onExit: () => void log.push(`${name} exit ${hook.has()}`),
      })
    await config.loadText('one { }\ntwo { }')
    expect(hook.has()).toBe(2)
    await modules.close()
    expect(log).toEqual(['two exit 0', 'one exit 0'])
  })

  it('leaves no command that a transaction meanwhile would keep (CN-05, MO-14)', async () => {
    const { config, modules, log } = siteOf()
    const gate = gateOf()
    const exiting = gateOf()
    modules.add(counted(log, async () => undefined))
    modules.add({
      name: 'slow',
      singleton: true,
      confSetup: () => 0,
      extInit: () => 0,
      onExit: () => {
        exiting.open()
        return gate.opened
      },
    })
    await config.loadText('mod { }\nslow { }')
    const closed = modules.close()
    const late = thrownBy(config.loadText('mod { }'))
    await exiting.opened
    const answer = await modules.control('modsay')
    gate.open()
    await closed
    expect(await late).toMatchObject({ code: 'ERR_CLOSED' })
    expect([answer.ok, (await modules.control('modsay')).ok, log]).toEqual([
      false,
      false,
      ['destroy #undefined'],
    ])
  })

  it('is one for all who ask, and comes after what is being set up (MO-13)', async () => {
    const { config, modules, log } = siteOf()
    const gate = gateOf()
    modules.add({
      name: 'mod',
      confSetup: () => gate.opened,
      extInit: (_self, _txn, _output, { mode }) => void log.push(mode),
    })
    const loading = config.loadText('mod { }')
    await nextTurn()
    const ends = [modules.close(), modules.close()]
    const late = thrownBy(config.loadText(''))
    gate.open()
    await loading
    await Promise.all(ends)
    expect(log).toEqual(['init', 'destroy'])
    expect(await late).toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('a configuration that is given up', () => {
  it('destroys its objects when the calls that use them are over (HK-10, MO-13)', async () => {
    const { config, modules, hooks, log } = siteOf()
    const gate = gateOf()
    const hook = hooks.declare<[], string>('test', 'slow', { default: 'nobody' })
    await config.loadText('')
    await modules.postInit()
    let call: Promise<string> | undefined
    modules.add(counted(log, () => gate.opened))
    modules.add({
      name: 'bad',
      confSetup: () => 0,
      extInit: (_self, txn, _output, { mode }) => {
        if (mode !== 'init') return 0
        call = hook.callTxnAsync(txn)
        setImmediate(() => gate.open())
        return -1
      },
    })
    expect(await thrownBy(config.loadText('mod { }\nbad { }'))).toMatchObject({ module: 'bad' })
    expect(await call).toBe('by #1')
    expect(log).toEqual(['call saw #1', 'destroy #1'])
  })
})

describe('a generation that is over', () => {
  it('is called no more by who has kept its registry, when its objects are being destroyed (HK-10, MO-13)', async () => {
    const { config, modules, hooks, log } = siteOf()
    const hook = hooks.declare<[], string>('test', 'slow', { default: 'nobody' })
    const gate = gateOf()
    const destroying = gateOf()
    modules.add({
      name: 'other',
      confSetup: () => 0,
      extInit: async (_self, _txn, _output, { mode }) => {
        if (mode !== 'destroy') return
        destroying.open()
        await gate.opened
      },
    })
    modules.add(counted(log, async () => undefined))
    await config.loadText('mod { }\nother { }')
    await modules.postInit()
    const hookRegistry = hooks.current
    await config.loadText('')
    await destroying.opened
    expect(await thrownBy(hook.callTxnAsync({ hookRegistry }))).toMatchObject({ code: 'ERR_RELEASED' })
    gate.open()
  })
})
