import { expect, it } from 'vitest'
import { aco, Config, type Coroutine } from '../../lib'
import { withAco } from './aco-harness'

it('CX-06 a coroutine is an owner of its own, and keeps its section while it sleeps', () =>
  withAco(async () => {
    const config = new Config()
    await config.loadText('n = 0')
    const conf = config.sections
    const kinds = new Set<string>()
    const add = async (self: Coroutine): Promise<void> => {
      const outer = await conf.writeSection('/')
      const inner = await conf.writeSection('/')
      const before = conf.getInt32(outer, 'n') as number
      kinds.add(conf.lockOwner()?.kind as string)
      await self.sleep(1)
      conf.setInt32(inner, 'n', before + 1)
      await outer.release()
      await inner.release()
    }
    // Inside of one owner, that each of them leaves.
    await conf.asOwner(() => Promise.all([1, 2, 3].map(() => aco.start(add).done)))
    using section = await conf.readSection('/')
    expect([conf.getInt32(section, 'n'), config.generation, [...kinds]]).toEqual([3, 4, ['coroutine']])
  }))
