import { describe, expect, it } from 'vitest'
import { Config, ConfigHooks, type Transaction } from '../../lib/config'
import { Hooks } from '../../lib/hooks'
import { temporaryFolder } from '../temporary-folder'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'

const INT = { type: 'int', fallback: 'Global' } as const

function codeOf(run: () => Promise<unknown>): Promise<string> {
  return run().then(
    () => 'none',
    (error: { code: string }) => error.code,
  )
}

/** What is left behind where it is called, and goes on when it is let. */
function leave(run: () => Promise<unknown>) {
  let go: () => void = () => {}
  const done = new Promise<void>((resolve) => {
    go = resolve
  }).then(run)
  return { go, done }
}

describe('commits inside of commits', () => {
  it('fail at once what would wait for itself, and goes on (CF-28, A-CF-19)', async () => {
    const file = join(temporaryFolder(), 'app.conf')
    writeFileSync(file, '')
    const config = new Config({ file })
    const codes: string[] = []
    const askAll = async () => {
      const waiting = config.begin()
      for (const run of [
        () => config.transaction(() => {}),
        () => waiting.commit(),
        () => config.reload(),
        () => config.loadText(''),
        () => config.writeBack(),
      ])
        codes.push(await codeOf(run))
    }
    config.participant({ load: askAll, prepare: askAll, abort: askAll })
    expect((await config.transaction(() => {})).generation).toBe(1)
    config.participant({ prepare: () => Promise.reject(new Error('no')) })
    await expect(config.reload()).rejects.toThrow('no')
    expect(codes).toEqual(new Array(25).fill('ERR_CONFIG_TRANSACTION'))
    expect(config.generation).toBe(1)
  })

  it('lets a part of a commit ask another Config, which cannot ask back (CF-28)', async () => {
    const [a, b] = [new Config(), new Config()]
    const codes: string[] = []
    let slotOfB: unknown
    a.participant({
      load: async () => {
        await b.transaction(() => {})
        slotOfB = b.registerOption({ name: 'kept', ...INT, default: '3' })
      },
      prepare: () => Promise.reject(new Error('no')),
    })
    b.participant({
      load: async () => void codes.push(await codeOf(() => a.transaction(() => {}))),
    })
    await expect(a.transaction(() => {})).rejects.toThrow('no')
    expect([a.generation, b.generation, codes]).toEqual([0, 1, ['ERR_CONFIG_TRANSACTION']])
    // What a commit of A registered in B is no part of it.
    expect(b.slot('kept')).toBe(slotOfB)
  })

  it('ends with the commit for what was started in it (CF-04, CF-28)', async () => {
    const config = new Config()
    await config.loadText('early = x\nlate = x')
    let left: ReturnType<typeof leave> | undefined
    const after: Promise<unknown>[] = []
    config.participant({
      load: () => {
        if (config.generation > 1) return
        // Inside of the commit it is read later, with what comes.
        config.registerOption({ name: 'early', ...INT })
        left = leave(async () => {
          expect(() => config.registerOption({ name: 'late', ...INT })).toThrow(
            'Global.late is a whole number',
          )
          await config.transaction((txn) => txn.set('early', 5))
        })
      },
      commit: () => {
        if (config.generation === 2) after.push(config.transaction((txn) => txn.set('early', 7)))
      },
    })
    await config.transaction((txn) => txn.set('early', 4))
    await Promise.all(after)
    expect([config.generation, after.length]).toEqual([3, 1])
    left?.go()
    await left?.done
    expect(config.generation).toBe(4)
    expect(config.options().map(({ name }) => name)).toEqual(['early'])
  })

  it('ends with a transaction for what was started in it; refuses loads until then (CF-28)', async () => {
    const config = new Config()
    let left: ReturnType<typeof leave> | undefined
    await config.transaction(async () => {
      left = leave(() => config.loadText('a = 1'))
      await expect(config.loadText('a = 2')).rejects.toMatchObject({ code: 'ERR_CONFIG_TRANSACTION' })
    })
    expect(config.generation).toBe(1)
    left?.go()
    await left?.done
    expect(config.generation).toBe(2)
  })
})

describe('hooks of a commit', () => {
  it('cannot fail it, and take nothing from it (CF-33, CF-01)', async () => {
    const hooks = new Hooks()
    const own = new ConfigHooks(hooks)
    const file = join(temporaryFolder(), 'app.conf')
    writeFileSync(file, 'a = 1\n')
    const config = new Config({ hooks, file })
    const hook = hooks.declareVoid('test', 'kept')
    const infrastructure = {}
    config.participant({
      load: (txn: Transaction) => {
        hooks.during(
          {
            module: 'm',
            phase: 'extInit',
            singleton: false,
            privileged: false,
            registry: txn.hookRegistry,
            infrastructure,
            thread: 0,
          } as never,
          () => void hook.registerLast(() => {}, infrastructure),
        )
      },
    })
    const told: string[] = []
    const onWarning = (warning: Error) => void told.push(warning.message)
    process.on('warning', onWarning)
    own.postCommit.registerLast(async () => {}, {})
    own.postCommit.registerLast(() => {
      throw new Error('not taken')
    }, {})
    try {
      expect((await config.reload()).generation).toBe(1)
      expect(hook.has()).toBe(1)
      await config.transaction((txn) => txn.set('a', 2))
      expect(hook.has()).toBe(1)
      await config.writeBack()
      await config.reload()
      expect([config.generation, config.dirty, hook.has()]).toEqual([3, false, 1])
      await new Promise(setImmediate)
    } finally {
      process.off('warning', onWarning)
    }
    expect(told.filter((text) => text.includes('config.post_commit'))).toHaveLength(3)
  })

  it('fail it before it is active where their registry is gone (CF-01)', async () => {
    const hooks = new Hooks()
    const config = new Config({ hooks, imageBytes: 1 << 20 })
    config.share()
    config.participant({ prepare: (txn) => txn.hookRegistry.destroy() })
    const { imageBytes } = config.stats()
    for (let i = 0; i < 3; i++)
      await expect(config.transaction((txn) => txn.set('a', 1))).rejects.toMatchObject({
        code: 'ERR_RELEASED',
      })
    expect([config.generation, config.liveGenerations(), config.stats().imageBytes]).toEqual([
      0,
      [0],
      imageBytes,
    ])
    config.close()
  })
})
