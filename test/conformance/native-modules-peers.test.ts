import { describe, expect, it } from 'vitest'
import { defineModule, type ModuleSpec } from '../../lib'
import { thrownBy } from '../unit/modules-harness'
import { isNative } from './aco-harness'
import { command, peerSite, probeSite, started } from './native-modules-harness'

/** A module in JavaScript that provides peer.ask, and counts the calls but those of a module that ends. */
function listener(name: string, told: () => void): ModuleSpec {
  return defineModule({
    name,
    confSetup: () => 0,
    extInit: (self, _txn, _output, { mode, privileged }) => {
      if (mode !== 'destroy' && !privileged)
        self.hooks.register('peer', 'ask', 'last', (_self, isEnd) => isEnd !== true && told(), self)
    },
  })
}

describe.runIf(isNative)('a hook that two native modules declare', () => {
  it('is called by both with all its providers (HK-01, HK-13)', async () => {
    const site = peerSite()
    let told = 0
    site.modules.add(listener('helper', () => void told++))
    await started(site, 'caller { }\nsecond { }\nhelper { }')
    for (const line of ['caller call', 'second call']) expect(await command(site, line)).toContain('has 1')
    expect(told).toBe(2)
    await site.config.loadText('caller { }\nsecond { }\ngiver { }')
    for (const line of ['caller call', 'second call'])
      expect(await command(site, line)).toBe('1 ran, has 1, 1 given, 0 stale')
    await site.config.loadText('caller { }\nsecond { }\ngiver { }')
    for (const line of ['caller call', 'second call'])
      expect(await command(site, line)).toBe('1 ran, has 1, 1 given, 0 stale')
  })

  it('stays that of the first where loading the second fails (HK-13, A-MO-9)', async () => {
    const site = peerSite()
    let told = 0
    site.modules.add(listener('helper', () => void told++))
    site.modules.add(defineModule({ name: 'bad', confSetup: () => 0, extInit: () => -1 }))
    await started(site, 'caller { }')
    await thrownBy(site.config.loadText('caller { }\nsecond { }\nbad { }'))
    await site.config.loadText('caller { }\nhelper { }')
    expect(await command(site, 'caller call')).toContain('has 1')
    expect(told).toBe(1)
  })
})

describe.runIf(isNative)('the end of native modules', () => {
  it('refuses commands, and calls nothing any more (MO-14)', async () => {
    const site = await started(probeSite())
    await site.modules.close()
    expect((await site.modules.control('probe values')).ok).toBe(false)
    expect((await site.modules.control('probe timer')).ok).toBe(false)
  })
})
