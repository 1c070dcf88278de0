import { describe, expect, it } from 'vitest'
import { Mask, RemoteEventer } from '../../lib/eventer'
import { memtypes } from '../../lib/memory'
import { withEventer } from './eventer-harness'

const { event, messageBody } = memtypes.builtin

describe('what the core holds is in the accounts of its memtypes', () => {
  it('MT-18 A-MT-12 an event moves core:event while it is there', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      eventer.start()
      await bench.passes(2)
      const before = memtypes.stats(event).live
      const made = eventer.recurrent(() => Mask.RECURRENT)
      eventer.addRecurrent(made)
      await bench.passes(2)
      expect(memtypes.stats(event).live).toBe(before + 1)
      eventer.remove(made)
      made.free()
      await bench.passes(2)
      expect(memtypes.stats(event).live).toBe(before)
    }))

  it('MT-18 A-MT-12 a message on its way moves core:message-body', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      let called = false
      eventer.nameCallback('memory/told', () => {
        called = true
        return 0
      })
      eventer.start()
      await bench.passes(2)
      const before = memtypes.stats(messageBody)
      const { loopId } = eventer.chooseOwner(0).port.engine
      new RemoteEventer().add(loopId, { kind: 'timer', whence: 0, callback: 'memory/told' })
      const underWay = memtypes.stats(messageBody)
      expect([underWay.live, underWay.total]).toEqual([before.live + 1, before.total + 1])
      await bench.until(() => called)
      expect(memtypes.stats(messageBody).live).toBe(before.live)
    }))
})
