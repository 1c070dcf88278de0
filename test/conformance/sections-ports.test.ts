import { afterEach, describe, expect, it } from 'vitest'
import { type Config, RemoteConfigSections } from '../../lib'
import { failureOf } from '../thrown'
import { configOf } from './sections-harness'

const ends: RemoteConfigSections[] = []

/** Sections at the other end of a port, in this isolate, and a Config with a number in it. */
async function connected(): Promise<{ config: Config; remote: RemoteConfigSections }> {
  const config = await configOf('n = 0')
  const remote = new RemoteConfigSections(config.sections.openPort())
  ends.push(remote)
  return { config, remote }
}

async function numberIn(config: Config): Promise<number | undefined> {
  const conf = config.sections
  await using r = await conf.asOwner(() => conf.readSection('/'))
  return conf.getInt32(r, 'n')
}

afterEach(() => {
  for (const remote of ends.splice(0)) remote[Symbol.dispose]()
})

describe('sections over a port', () => {
  it('CX-03 CX-21 a write that was asked for while another is held sees what that changed, and shares its commit', async () => {
    const { config, remote } = await connected()
    await remote.asOwner(async () => {
      const first = await remote.writeSection('/')
      const asked = remote.writeSection('/')
      remote.setInt32(first, 'n', 1)
      const released = first.release()
      const second = await asked
      expect(remote.getInt32(second, 'n')).toBe(1)
      remote.setInt32(second, 'n', 2)
      expect(await released).toBeUndefined()
      expect(await second.release()).toMatchObject({ generation: 2 })
    })
    expect([await numberIn(config), config.generation]).toEqual([2, 2])
  })

  it('CX-03 CX-21 so it is with two that are asked for at once, and with one that is given up', async () => {
    const { config, remote } = await connected()
    await remote.asOwner(async () => {
      const asked = remote.writeSection('/')
      const other = remote.writeSection('/')
      const first = await asked
      remote.setInt32(first, 'n', 1)
      const abort = new AbortController()
      const never = failureOf(remote.writeSection('/', { signal: abort.signal }))
      const released = first.release()
      abort.abort(new Error('enough'))
      expect((await never).message).toBe('enough')
      const second = await other
      expect([await released, remote.getInt32(second, 'n')]).toEqual([undefined, 1])
      remote.setInt32(second, 'n', 2)
      const late = failureOf(remote.writeSection('/', { signal: AbortSignal.abort(new Error('late')) }))
      expect((await late).message).toBe('late')
      expect(await second.release()).toMatchObject({ generation: 2 })
    })
    expect(await numberIn(config)).toBe(2)
    expect(config.sections.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it.each<[string, () => unknown, string]>([
    ['nothing', () => undefined, 'ERR_CALLBACK'],
    ['null', () => null, 'ERR_CALLBACK'],
    ['a code that cannot be sent', () => Object.assign(new Error('odd'), { code: () => 1 }), 'ERR_CALLBACK'],
    ['a message that cannot be sent', () => ({ code: 'ODD', message: Symbol('m') }), 'ODD'],
    [
      'a getter that throws',
      () => ({
        get code(): string {
          throw new Error('mine')
        },
      }),
      'ERR_CALLBACK',
    ],
  ])('CX-21 a commit that fails with %s is answered all the same', async (_what, thrown, code) => {
    const { config, remote } = await connected()
    config.participant({ prepare: () => Promise.reject(thrown()) })
    const w = await remote.writeSection('/')
    remote.setInt32(w, 'n', 1)
    expect((await failureOf(w.release())).code).toBe(code)
    expect(config.sections.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it('CX-21 who goes on reading behind a commit that failed sees what is active now', async () => {
    const { config, remote } = await connected()
    await remote.asOwner(async () => {
      const w = await remote.writeSection('/')
      const r = await remote.readSection('/')
      remote.setInt32(w, 'n', 1)
      await config.transaction((txn) => txn.set('n', '7'))
      expect((await failureOf(w.release())).code).toBe('ERR_CONFIG_CONFLICT')
      expect(remote.getInt32(r, 'n')).toBe(7)
      await r.release()
    })
  })

  it('CX-01 CX-21 what a change has thrown drops it, here too', async () => {
    const { config, remote } = await connected()
    const mine = new Error('mine')
    const failed = remote.write('/', (section) => {
      remote.setInt32(section, 'n', 5)
      throw mine
    })
    expect(await failureOf(failed)).toBe(mine)
    expect(await remote.write('/', (section) => remote.setInt32(section, 'n', 6))).toMatchObject({
      generation: 2,
    })
    await remote.asOwner(async () => {
      const first = await remote.writeSection('/')
      const second = await remote.writeSection('/')
      remote.setInt32(first, 'n', 8)
      second.abandon()
      expect((await failureOf(first.release())).code).toBe('ECANCELED')
    })
    expect([await numberIn(config), config.generation]).toEqual([6, 2])
  })
})
