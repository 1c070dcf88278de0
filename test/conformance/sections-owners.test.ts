import { executionAsyncResource } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { Config, type ConfigSections } from '../../lib'
import { codeOf, failureOf } from '../thrown'
import { configOf, signal, turn, until, watch } from './sections-harness'

const TEXT = 'a { x = 1  b { y = 2 } }'

/** What a function returns that the same timer calls several times. */
function fromOneTimer<T>(times: number, fire: (index: number) => T): Promise<T[]> {
  return new Promise((resolve) => {
    const results: T[] = []
    const timer = setInterval(() => {
      results.push(fire(results.length))
      if (results.length < times) return
      clearInterval(timer)
      resolve(results)
    }, 1)
  })
}

/** A flow that adds one to a number, and how many such flows were inside at once. */
function adder(conf: ConfigSections): {
  most: number
  add(first: Promise<unknown> | undefined): Promise<void>
} {
  let inside = 0
  const self = {
    most: 0,
    async add(first: Promise<unknown> | undefined): Promise<void> {
      if (first) await first
      const w = await conf.writeSection('/')
      self.most = Math.max(self.most, ++inside)
      // Nothing of the section is touched meanwhile.
      await turn()
      await turn()
      const n = conf.getInt32(w, 'n') as number
      await turn()
      conf.setInt32(w, 'n', n + 1)
      inside--
      await w.release()
    },
  }
  return self
}

async function numberIn(conf: ConfigSections): Promise<number | undefined> {
  await using r = await conf.asOwner(() => conf.readSection('/'))
  return conf.getInt32(r, 'n')
}

describe('owners of sections', () => {
  it('CX-06 flows that begin in one run of code are owners of their own', async () => {
    const { sections: conf } = await configOf(TEXT)
    const log: string[] = []
    const flow = async (name: string): Promise<void> => {
      await using section = await conf.writeSection('/a')
      log.push(`${name} begins`)
      await turn()
      conf.setString(section, name, 'x')
      log.push(`${name} ends`)
    }
    await Promise.all([flow('f'), flow('g'), flow('h')])
    expect(log).toEqual(['f begins', 'f ends', 'g begins', 'g ends', 'h begins', 'h ends'])
  })

  it('CX-06 callbacks of one resource are owners of their own', async () => {
    const { sections: conf } = await configOf(TEXT)
    let most = 0
    let inside = 0
    const fire = async (): Promise<void> => {
      const section = await conf.writeSection('/a')
      inside++
      most = Math.max(most, inside)
      await turn()
      await turn()
      inside--
      await section.release()
    }
    await Promise.all(await fromOneTimer(5, fire))
    expect(most).toBe(1)
  })

  it('CX-06 a caller is another owner than the flow it has begun, once that has its section in use', async () => {
    const { sections: conf } = await configOf(TEXT)
    const end = signal()
    const held = signal()
    const flow = (async () => {
      using section = await conf.readSection('/a')
      held.give()
      await end.promise
      expect(section.isEmpty).toBe(false)
    })()
    await held.promise
    const write = conf.writeSection('/a')
    const seen = watch(write)
    await turn()
    expect(seen.state).toBe('waits')
    end.give()
    await flow
    await (await write).release()
  })

  it('CX-06 what a flow leaves behind is no owner: its timers and listeners begin anew', async () => {
    const { sections: conf } = await configOf(TEXT)
    const section = await conf.readSection('/a')
    const owners: unknown[] = []
    const look = async (): Promise<void> => {
      using own = await conf.readSection('/a')
      expect(own.isEmpty).toBe(false)
      owners.push(conf.lockOwner())
      await turn()
    }
    const looked = [0, 1].map(
      () =>
        new Promise<void>((resolve, reject) => {
          setTimeout(() => {
            look().then(resolve, reject)
          }, 1)
        }),
    )
    const first = conf.lockOwner()
    await section.release()
    expect(conf.lockOwner()).toBeUndefined()
    await Promise.all(looked)
    expect(new Set([first, ...owners]).size).toBe(3)
  })

  it('CX-06 an owner that was opened is one for all that is in it, and may be named elsewhere', async () => {
    const { sections: conf } = await configOf(TEXT)
    const owner = conf.asOwner(() => conf.lockOwner())!
    expect(owner.kind).toBe('explicit')
    const writer = await conf.writeSection('/a', { owner })
    const reader = await conf.readSection('/a', { owner })
    expect(conf.lockState()).toMatchObject({ writer: owner, depth: 0 })
    await writer.release()
    await reader.release()
  })

  it('CX-06 several sections of one owner may be asked for at once', async () => {
    const { sections: conf } = await configOf(TEXT)
    const sections = await conf.asOwner(() =>
      Promise.all([conf.writeSection('/a'), conf.readSection('/a'), conf.writeSection('/a/b')]),
    )
    expect(conf.lockState().writer?.kind).toBe('explicit')
    for (const section of sections) await section.release()
    expect(conf.lockState().writer).toBeUndefined()
  })

  it('CX-06 flows side by side are owners of their own, those too that wait for something before they ask', async () => {
    const { sections: conf } = await configOf('n = 0')
    const holder = await conf.asOwner(() => conf.writeSection('/'))
    const adding = adder(conf)
    // Both are begun in one run of code; the second awaits where the first has asked already.
    const both = [adding.add(undefined), adding.add(turn())]
    await until(() => conf.lockState().waitingWriters === 2)
    await holder.release()
    await Promise.all(both)
    expect([adding.most, await numberIn(conf)]).toEqual([1, 2])
  })

  it('CX-06 nor does it matter whether somebody is in the way, or one timer has begun them', async () => {
    const { sections: conf } = await configOf('n = 0')
    const adding = adder(conf)
    await Promise.all([adding.add(undefined), adding.add(turn()), adding.add(Promise.resolve())])
    const ticks = await fromOneTimer(3, (index) => adding.add(index === 0 ? undefined : turn()))
    await Promise.all(ticks)
    expect([adding.most, await numberIn(conf)]).toEqual([1, 6])
  })

  it('CX-05 CX-06 a flow that holds nothing is not refused for what one beside it reads', async () => {
    const { sections: conf } = await configOf('n = 0')
    const holder = await conf.asOwner(() => conf.writeSection('/'))
    const read = async (): Promise<unknown> => {
      const r = await conf.readSection('/')
      await turn()
      const n = conf.getInt32(r, 'n')
      await r.release()
      return n
    }
    const write = async (): Promise<unknown> => {
      await turn()
      const w = await conf.writeSection('/')
      return w.release()
    }
    const both = Promise.all([read(), write()])
    await until(() => conf.lockState().waitingWriters + conf.lockState().waitingReaders === 2)
    await holder.release()
    expect(await both).toEqual([0, undefined])
  })

  it('CX-03 CX-06 a flow goes on as its owner whatever it awaits in between, and without touching its section', async () => {
    const { sections: conf } = await configOf(TEXT)
    const w = await conf.writeSection('/a')
    const owner = conf.lockOwner()
    await turn()
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
    const again = await conf.writeSection('/a')
    expect([conf.lockOwner(), conf.lockState().depth]).toEqual([owner, 2])
    await w.release()
    await again.release()
    expect(conf.lockOwner()).toBeUndefined()
  })

  it('CX-04 CX-05 CX-06 whoever uses a section that a helper got for them goes on as its owner', async () => {
    const { sections: conf } = await configOf(TEXT)
    const open = async (mode: 'readSection' | 'writeSection') => {
      await turn()
      return conf[mode]('/a')
    }
    await (async () => {
      const r = await open('readSection')
      expect(conf.getInt32(r, 'x')).toBe(1)
      expect((await failureOf(conf.writeSection('/a'))).code).toBe('ERR_LOCK_UPGRADE')
      await r.release()
    })()
    await (async () => {
      const w = await open('writeSection')
      conf.setInt32(w, 'x', 2)
      const r = await conf.readSection('/a')
      expect(conf.getInt32(r, 'x')).toBe(2)
      await r.release()
      await w.release()
    })()
    expect(conf.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it('CX-06 an owner by itself stays what it is when it uses the section of another, and so does a callback', async () => {
    const { sections: conf } = await configOf(TEXT)
    const r = await conf.readSection('/a')
    const owner = conf.lockOwner()
    await conf.asOwner(async () => {
      await turn()
      expect(conf.getInt32(r, 'x')).toBe(1)
      expect(conf.lockOwner()).not.toBe(owner)
    })
    await r.release()
    const { shared } = await (async () => ({ shared: await conf.readSection('/a') }))()
    const owners = await fromOneTimer(2, () => {
      conf.getInt32(shared, 'x')
      return conf.lockOwner()
    })
    expect(owners).toEqual([undefined, undefined])
    await shared.release()
  })

  it('CX-01 CX-06 A-CX-6 a section of another owner is not released, but one that was handed over is', async () => {
    const { sections: conf } = await configOf(TEXT)
    const w = await conf.asOwner(() => conf.writeSection('/a'))
    expect((await failureOf(conf.asOwner(() => w.release()))).code).toBe('ERR_LOCK_NOT_HELD')
    expect(conf.asOwner(() => codeOf(() => w.abandon()))).toBe('ERR_LOCK_NOT_HELD')
    expect(conf.asOwner(() => codeOf(() => w[Symbol.dispose]()))).toBe('ERR_LOCK_NOT_HELD')
    expect(w.isReleased).toBe(false)
    await w.release()
    const owner = conf.asOwner(() => conf.lockOwner())!
    const named = await conf.readSection('/a', { owner })
    await conf.asOwner(() => named.release())
    expect(conf.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it('CX-06 a flow holds sections of several Configs, each as an owner of its own', async () => {
    const [one, two] = [(await configOf(TEXT)).sections, (await configOf(TEXT)).sections]
    const a = await one.writeSection('/a')
    const b = await two.readSection('/a')
    await turn()
    const again = await one.readSection('/a')
    expect((await failureOf(two.writeSection('/a'))).code).toBe('ERR_LOCK_UPGRADE')
    expect([one.lockState().depth, two.lockState().depth]).toEqual([2, 1])
    await a.release()
    await b.release()
    expect([one.lockState().depth, two.lockState().depth]).toEqual([1, 0])
    await again.release()
  })

  it('CX-06 Configs that come and go leave nothing that promises are told to', async () => {
    const marks = async (): Promise<number> => {
      await turn()
      return Object.getOwnPropertySymbols(executionAsyncResource()).length
    }
    const once = async (): Promise<void> => {
      using config = new Config()
      await config.loadText(TEXT)
      const r = await config.sections.readSection('/a')
      await r.release()
    }
    await once()
    const before = await marks()
    for (let i = 0; i < 20; i++) await once()
    expect(await marks()).toBe(before)
  })
})
