import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { ModuleSpec } from '../../lib'
import { gateOf, type Site, siteOf, thrownBy } from './modules-harness'

/** What would wait for the end of the phase that it is called in. */
const WAITING: [string, (site: Site) => Promise<unknown>, string | undefined][] = [
  ['config.transaction()', ({ config }) => config.transaction(() => undefined), 'ERR_CONFIG_TRANSACTION'],
  ['config.loadText()', ({ config }) => config.loadText(''), 'ERR_CONFIG_TRANSACTION'],
  ['modules.resolve()', ({ modules }) => modules.resolve('other'), 'ERR_CONFIG_TRANSACTION'],
  ['modules.postInit()', ({ modules }) => modules.postInit(), undefined],
]

describe('a phase of a module', () => {
  it.each(WAITING)('cannot wait for %s: that fails at once (MO-09, MO-10)', async (_what, wait, inCommit) => {
    const site = siteOf()
    const { config, modules } = site
    const codes: unknown[] = []
    const attempt = async (): Promise<void> => {
      // Also from what it has called and awaits.
      await nextTurn()
      codes.push((await thrownBy(wait(site))).code)
    }
    const other: ModuleSpec = { name: 'other', confSetup: () => 0, extInit: () => 0 }
    modules.add(other)
    modules.add({ name: 'mod', confSetup: attempt, extInit: attempt })
    await config.loadText('mod { }')
    await modules.postInit()
    const code = inCommit ?? 'EDEADLK'
    expect(codes).toEqual([code, code, 'EDEADLK'])
    // Nothing waits for anything now.
    await config.loadText('other { }')
    expect(modules.loaded().map(({ name }) => name)).toEqual(['other'])
  })

  it('cannot wait for the end, which comes when it is over (MO-10, MO-13)', async () => {
    const { config, modules, log } = siteOf()
    const codes: unknown[] = []
    modules.add({
      name: 'mod',
      confSetup: () => 0,
      extInit: async (_self, _txn, _output, { mode }) => {
        log.push(mode)
        if (mode === 'postinit') codes.push((await thrownBy(modules.close())).code)
      },
    })
    await config.loadText('mod { }')
    await modules.postInit()
    await modules.close()
    expect([codes, log]).toEqual([['EDEADLK'], ['init', 'postinit', 'destroy']])
  })

  it('may leave behind what waits, and comes when it is over (MO-10)', async () => {
    const { config, modules } = siteOf()
    const gate = gateOf()
    let later: Promise<unknown> | undefined
    modules.add({
      name: 'mod',
      confSetup: () => 0,
      extInit: (_self, _txn, _output, { mode }) => {
        if (mode === 'postinit') later = gate.opened.then(() => config.transaction(() => undefined))
      },
    })
    await config.loadText('mod { }')
    await modules.postInit()
    gate.open()
    await later
    expect(config.generation).toBe(2)
  })
})
