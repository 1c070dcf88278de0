import { describe, expect, it } from 'vitest'
import { Config, type HeddleError, Hooks } from '../../lib'
import { codeOf, failureOf } from '../thrown'
import { configOf, signal, turn, until, warning, watch } from './sections-harness'

describe('changes of sections', () => {
  it('CX-21 A-CX-13 a release makes exactly one generation, and a snapshot before it is unchanged', async () => {
    const config = await configOf('a { x = 1  y = 1 }')
    const conf = config.sections
    using before = config.snapshot()
    const outer = await conf.writeSection('/a')
    const inner = await conf.writeSection('/a')
    conf.setInt32(outer, 'x', 2)
    conf.setInt32(inner, 'y', 2)
    expect(await outer.release()).toBeUndefined()
    expect([config.generation, conf.getInt32(inner, 'x'), conf.generation]).toEqual([1, 2, 1])
    expect(await inner.release()).toMatchObject({ generation: 2 })
    expect(config.generation).toBe(2)
    const values = (root: typeof before.root): unknown[] =>
      ['x', 'y'].map((key) => root.children[0]!.settings.get(key)!.value)
    expect(values(before.root)).toEqual(['1', '1'])
    using after = config.snapshot()
    expect(values(after.root)).toEqual(['2', '2'])
  })

  it('CX-21 nothing changed makes no generation: nothing set, or set to what it was', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const w = await conf.writeSection('/a')
    conf.setInt32(w, 'x', 1)
    conf.unset(w, 'z')
    expect(await w.release()).toBeUndefined()
    expect(config.generation).toBe(1)
  })

  it('CX-21 values are visible as options, and options that do not fit reject the release and change nothing', async () => {
    const config = new Config()
    const size = config.registerOption({ name: 'Size', type: 'int', fallback: 'Global', default: '5' })
    const conf = config.sections
    const good = await conf.writeSection('/')
    conf.setInt32(good, 'size', 7)
    expect(config.value(size)).toBe(5)
    await good.release()
    expect(config.value(size)).toBe(7)
    const bad = await conf.writeSection('/')
    const reader = await conf.readSection('/')
    conf.setString(bad, 'Size', 'many')
    expect((await failureOf(bad.release())).code).toBe('ERR_CONFIG_VALUE')
    expect([config.value(size), config.generation, conf.getString(reader, 'size')]).toEqual([7, 1, '7'])
    await reader.release()
    expect(conf.lockState()).toMatchObject({ writer: undefined, readers: 0 })
  })

  it('CX-21 the working copy is a transaction that commits with the section', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const w = await conf.writeSection('/a')
    const txn = conf.asTransaction(w)
    txn.set('b.z', 'via')
    expect((await failureOf(txn.commit())).code).toBe('ERR_CONFIG_TRANSACTION')
    expect(codeOf(() => txn.rollback())).toBe('ERR_CONFIG_TRANSACTION')
    txn[Symbol.dispose]()
    expect(conf.getString(w, '/b/z')).toBe('via')
    await w.release()
    using r = await conf.readSection('/b')
    expect(conf.getString(r, 'z')).toBe('via')
  })

  it('CX-21 a transaction by other ways does not wait; who writes meanwhile is told, and reads what it began with', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const r = await conf.asOwner(() => conf.readSection('/a'))
    await config.transaction((t) => t.set('a.x', '2'))
    expect(conf.getInt32(r, 'x')).toBe(1)
    await r.release()
    const w = await conf.writeSection('/a')
    conf.setInt32(w, 'x', 3)
    await config.transaction((t) => t.set('a.x', '4'))
    const txn = conf.asTransaction(w)
    expect((await failureOf(w.release())).code).toBe('ERR_CONFIG_CONFLICT')
    {
      using again = await conf.readSection('/a')
      expect(conf.getInt32(again, 'x')).toBe(4)
    }
    expect(config.generation).toBe(3)
    // What it had changed is not lost.
    expect(await txn.replay().commit()).toMatchObject({ generation: 4 })
    using last = await conf.readSection('/a')
    expect(conf.getInt32(last, 'x')).toBe(3)
  })

  it('CX-06 CX-21 what a commit calls may read as its owner, and cannot wait for it', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const seen: unknown[] = []
    config.participant({
      async prepare() {
        using r = await conf.readSection('/a')
        seen.push(conf.getInt32(r, 'x'))
        const error = await conf.writeSection('/a').catch((reason: HeddleError) => reason.code)
        seen.push(error)
      },
    })
    const w = await conf.writeSection('/a')
    conf.setInt32(w, 'x', 2)
    expect(await w.release()).toMatchObject({ generation: 2 })
    expect(seen).toEqual([2, 'ERR_PHASE'])
    expect(conf.lockState()).toMatchObject({ writer: undefined, readers: 0, depth: 0 })
  })

  it('CX-21 while a commit goes on nobody writes, not its owner either; then its owner comes last', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const hold = signal()
    const held = signal()
    let first = true
    config.participant({
      async prepare() {
        if (!first) return
        first = false
        held.give()
        await hold.promise
      },
    })
    await conf.asOwner(async () => {
      const w = await conf.writeSection('/a')
      conf.setInt32(w, 'x', 2)
      const read = async (): Promise<number | undefined> => {
        await using r = await conf.readSection('/a')
        return conf.getInt32(r, 'x')
      }
      const other = Promise.resolve().then(() => conf.asOwner(read))
      await turn()
      const committed = w.release()
      await held.promise
      const again = conf.writeSection('/a')
      const late = failureOf(conf.readSection('/a', { timeout: 0 }))
      const seen = [watch(other), watch(again)]
      await turn()
      expect(seen.map(({ state }) => state)).toEqual(['waits', 'waits'])
      expect((await late).code).toBe('ETIME')
      hold.give()
      await committed
      expect(await other).toBe(2)
      const w2 = await again
      conf.setInt32(w2, 'x', 3)
      expect(await w2.release()).toMatchObject({ generation: 3 })
    })
  })

  it('CX-05 CX-21 a commit by other ways and a write section never wait for each other', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const seen: unknown[] = []
    const released = signal()
    config.participant({
      async prepare() {
        await released.promise
        const r = await conf.asOwner(() => conf.readSection('/b'))
        seen.push(conf.getInt32(r, 'y'), conf.lockState().readers)
        await r.release()
        seen.push(await conf.asOwner(() => conf.writeSection('/b')).catch((error: HeddleError) => error.code))
      },
    })
    const w = await conf.writeSection('/a')
    conf.setInt32(w, 'x', 2)
    const made = config.transaction((txn) => txn.set('b.y', '1'))
    await turn()
    const release = failureOf(w.release())
    released.give()
    expect(await made).toMatchObject({ generation: 2 })
    expect((await release).code).toBe('ERR_CONFIG_CONFLICT')
    expect(seen).toEqual([1, 0, 'ERR_PHASE'])
    expect(await config.transaction((txn) => txn.set('z', '1'))).toMatchObject({ generation: 3 })
    expect(conf.lockState()).toMatchObject({ readers: 0, writer: undefined })
  })

  it('CX-06 CX-21 what a commit has left behind is outside of the next one', async () => {
    const config = await configOf('n = 0')
    const conf = config.sections
    const [second, over] = [signal(), signal()]
    let commits = 0
    let left: Promise<unknown> = Promise.resolve()
    config.participant({
      async prepare() {
        if (++commits === 1) {
          left = second.promise.then(() => failureOf(conf.readSection('/', { timeout: 0 })))
          return
        }
        second.give()
        await left
        over.give()
      },
    })
    await conf.asOwner(async () => {
      await conf.write('/', (w) => conf.setInt32(w, 'n', 1))
      await conf.write('/', (w) => conf.setInt32(w, 'n', 2))
    })
    await over.promise
    // It would have had to wait, as everybody else.
    expect(await left).toMatchObject({ code: 'ETIME' })
  })

  it('CX-01 CX-21 `write` drops what it has changed when that throws, and commits as a whole when not', async () => {
    const config = await configOf('a = 1  b = 1')
    const conf = config.sections
    const mine = new Error('mine')
    const failed = conf.write('/', (section) => {
      conf.setInt32(section, 'a', 2)
      throw mine
    })
    expect(await failureOf(failed)).toBe(mine)
    expect([config.generation, conf.lockState().writer]).toEqual([1, undefined])
    const result = await conf.write('/', async (section) => {
      conf.setInt32(section, 'a', 2)
      await turn()
      conf.setInt32(section, 'b', 2)
    })
    expect(result).toMatchObject({ generation: 2 })
    expect(await conf.write('/', () => 1)).toBeUndefined()
    expect((await failureOf(conf.write('/', 1 as never))).code).toBe('ERR_INVALID_ARGUMENT')
  })

  it('CX-01 CX-21 abandoned is abandoned: of all that the owner changed nothing is made, in either order', async () => {
    const config = await configOf('n = 0')
    const conf = config.sections
    for (const isLast of [false, true]) {
      const [w1, w2] = await conf.asOwner(async () => [
        await conf.writeSection('/'),
        await conf.writeSection('/'),
      ])
      conf.setInt32(w1, 'n', 1)
      if (isLast) expect(await w1.release()).toBeUndefined()
      w2.abandon()
      expect(codeOf(() => w2.abandon())).toBe('ERR_LOCK_NOT_HELD')
      if (!isLast) expect((await failureOf(w1.release())).code).toBe('ECANCELED')
      expect([config.generation, conf.lockState().writer]).toEqual([1, undefined])
    }
    await conf.write('/', (w) => conf.setInt32(w, 'n', 2))
    expect(config.generation).toBe(2)
  })

  it('CX-01 with `using` the commit goes on behind the block, and a failure is a warning', async () => {
    const config = new Config()
    config.registerOption({ name: 'Size', type: 'int', fallback: 'Global', default: '5' })
    const conf = config.sections
    const warned = warning()
    {
      using w = await conf.writeSection('/')
      conf.setString(w, 'size', 'many')
    }
    expect(await warned).toBe('HEDDLE_SECTION_COMMIT')
    const w = await conf.writeSection('/')
    expect(config.generation).toBe(0)
    await w.release()
  })

  it('CX-01 A-CX-6 a section that is forgotten is released with a warning, and its changes are dropped', async () => {
    const config = await configOf('a { x = 1 }')
    const conf = config.sections
    const { setFlagsFromString } = await import('node:v8')
    const { runInNewContext } = await import('node:vm')
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const warned = warning()
    const forget = async (): Promise<void> => {
      const w = await conf.writeSection('/a')
      conf.setInt32(w, 'x', 2)
    }
    await conf.asOwner(forget)
    const waiting = conf.asOwner(() => conf.writeSection('/a'))
    const seen = watch(waiting)
    await until(() => {
      gc()
      return seen.state !== 'waits'
    })
    const w = await waiting
    expect(conf.getInt32(w, 'x')).toBe(1)
    await w.release()
    expect([await warned, config.generation]).toEqual(['HEDDLE_SECTION_LOST', 1])
  })
})

describe('hashes', () => {
  const hash = async (text: string, path = '/p/s'): Promise<Record<string, string>> => {
    const { sections: conf } = await configOf(text)
    using section = await conf.readSection(path)
    return Object.fromEntries(conf.getHash(section, 'config'))
  }

  it('CX-11 A-CX-9 parent, inherited, own: own wins', async () => {
    const blocks = {
      named: 'config "base" { b = 2 c = 2 }',
      byId: 'deep { config { id = base b = 2 c = 2 } }',
    }
    for (const block of Object.values(blocks)) {
      const text = `${block} p { config { a = 1 b = 1 } s { config { inherit = base c = 3 } } }`
      expect(await hash(text)).toEqual({ a: '1', b: '2', c: '3' })
    }
  })

  it('CX-11 merges all that a section stands in, and blocks that inherit from blocks', async () => {
    const text = `
      config { top = 1 x = top }
      config "one" { inherit = two x = one own = one }
      config "two" { x = two y = two }
      p { config { x = p } s { Config { inherit = one } } }`
    expect(await hash(text)).toEqual({ top: '1', x: 'one', y: 'two', own: 'one' })
    expect(await hash('p { config { x = p } }', '/p')).toEqual({ x: 'p' })
    expect(await hash('p { s { } }')).toEqual({})
  })

  it('CX-11 CX-13 conditions are no values, and hold for blocks, too', async () => {
    const text = `p { s {
      config { require_env = "!HEDDLE_NO_SUCH" a = 1 }
      config { require_env = HEDDLE_NO_SUCH a = 2 b = 2 } } }`
    expect(await hash(text)).toEqual({ a: '1' })
  })

  it('CX-11 refuses blocks that are missing, and circles', async () => {
    const missing = await failureOf(hash('p { s { config { inherit = none } } }'))
    expect([missing.code, missing.message]).toEqual(['ERR_CONFIG_INHERIT', expect.stringContaining("'none'")])
    const circle = 'config "a" { inherit = b } config "b" { inherit = a } p { s { config { inherit = a } } }'
    const error = await failureOf(hash(circle))
    expect([error.code, error.message]).toEqual([
      'ERR_CONFIG_INHERIT',
      expect.stringContaining('a from b from a'),
    ])
  })

  it('CX-11 CX-12 values of a hash are interpolated, lists are left out', async () => {
    process.env.HEDDLE_TEST_HASH = 'from the environment'
    try {
      const text = 'p { s { config { a = "ENV:d:{HEDDLE_TEST_HASH}" list = (x y) } } }'
      expect(await hash(text)).toEqual({ a: 'from the environment' })
    } finally {
      delete process.env.HEDDLE_TEST_HASH
    }
  })
})

describe('the environment', () => {
  const VARIABLE = 'HEDDLE_TEST_SECTIONS'

  async function valueWith(value: string | undefined, text: string, path = 'v'): Promise<string | undefined> {
    if (value === undefined) delete process.env[VARIABLE]
    else process.env[VARIABLE] = value
    try {
      const { sections: conf } = await configOf(text)
      using section = await conf.readSection('/')
      return conf.getString(section, path)
    } finally {
      delete process.env[VARIABLE]
    }
  }

  it('CX-12 takes the variable for the whole value, the default where it is not set', async () => {
    const text = `v = "ENV:a default:{${VARIABLE}}"`
    expect(await valueWith('set', text)).toBe('set')
    expect(await valueWith('', text)).toBe('')
    expect(await valueWith(undefined, text)).toBe('a default')
    expect(await valueWith(undefined, `v = "ENV::{${VARIABLE}}"`)).toBe('')
    expect(await valueWith(undefined, `v = "ENV:http://x:80:{${VARIABLE}}"`)).toBe('http://x:80')
  })

  it.each([
    `x ENV:d:{${VARIABLE}}`,
    `ENV:d:{${VARIABLE}} x`,
    `ENV:d:${VARIABLE}`,
    `env:d:{${VARIABLE}}`,
    'ENV:d:{}',
  ])('CX-12 leaves %j as it is', async (value) =>
    expect(await valueWith('set', `v = "${value}"`)).toBe(value),
  )

  it.each(['toString', 'constructor', '__proto__'])(
    'CX-12 CX-13 %s is no variable of the environment',
    async (name) => {
      expect(await valueWith('set', `v = "ENV:default:{${name}}"`)).toBe('default')
      expect(await valueWith('set', `a { require_env = "${name}" v = here }`, 'a/v')).toBeUndefined()
    },
  )

  it('CX-13 stanzas of one name are alternatives, each by its own condition', async () => {
    const text = `
      l { require_env = "${VARIABLE}=one" port = 80  in { x = 1 } }
      l { require_env = "!${VARIABLE}=one" port = 8080 }
      m { x = 1 } m { require_env = "${VARIABLE}=one" x = 2 }
      n { require_env = (A B) x = 1 }`
    expect(await valueWith('one', text, 'l/port')).toBe('80')
    expect(await valueWith('two', text, 'l/port')).toBe('8080')
    expect(await valueWith('one', text, 'l/in/x')).toBe('1')
    expect(await valueWith('two', text, 'l/in/x')).toBeUndefined()
    expect(await valueWith('one', text, 'm/x')).toBe('2')
    expect(await valueWith('two', text, 'm/x')).toBe('1')
    expect(await valueWith('one', text, 'n/x')).toBeUndefined()
    // The tree is the same one, whatever the environment says meanwhile.
    const { sections: conf } = await configOf(text)
    using section = await conf.readSection('/')
    const seen = ['one', 'two', 'one'].map((value) => {
      process.env[VARIABLE] = value
      return conf.getInt32(section, '//port')
    })
    delete process.env[VARIABLE]
    expect(seen).toEqual([80, 8080, 80])
  })

  it.each<[string, string | undefined, boolean]>([
    [`${VARIABLE} = one`, 'one', true],
    [VARIABLE, 'x', true],
    [VARIABLE, '', true],
    [VARIABLE, undefined, false],
    [`!${VARIABLE}`, 'x', false],
    [`!${VARIABLE}`, undefined, true],
    [`${VARIABLE}=one`, 'one', true],
    [`${VARIABLE}=one`, 'two', false],
    [`${VARIABLE}=`, undefined, false],
    [`!${VARIABLE}=one`, 'two', true],
    [`!${VARIABLE}=one`, undefined, true],
    [`${VARIABLE}~^o`, 'one', true],
    [`${VARIABLE}~^o`, 'two', false],
    [`!${VARIABLE}~^o`, 'two', true],
    [`${VARIABLE}~(`, 'one', false],
    ['', 'one', false],
    ['=one', 'one', false],
  ])('CX-13 require_env "%s" with %j: %j', async (condition, value, applies) => {
    const text = `a { require_env = "${condition}" b { v = here } }`
    expect(await valueWith(value, text, 'a/b/v')).toBe(applies ? 'here' : undefined)
  })

  it('CX-13 the conditions of all that a stanza stands in must hold, and one section is found instead of another', async () => {
    const text = `
      a { require_env = "${VARIABLE}" b { require_env = "${VARIABLE}=in" v = deep } }
      c "1" { require_env = "!${VARIABLE}" v = without }
      c "2" { require_env = "${VARIABLE}" v = with }`
    expect(await valueWith('in', text, 'a/b/v')).toBe('deep')
    expect(await valueWith('out', text, 'a/b/v')).toBeUndefined()
    expect(await valueWith('x', text, 'c/v')).toBe('with')
    expect(await valueWith(undefined, text, 'c/v')).toBe('without')
  })
})

describe('hooks of sections', () => {
  it('CX-19 a value may be another text for who reads it; it is not for who writes', async () => {
    const hooks = new Hooks()
    const config = new Config({ hooks })
    await config.loadText('a "x" { v = secret  n = 5 }')
    const conf = config.sections
    const asked: unknown[] = []
    conf.hooks.valueFixup.registerLast((_closure, value) => {
      asked.push(value)
      return value.text === 'secret' ? '17' : undefined
    }, undefined)
    {
      await using w = await conf.writeSection('/a')
      expect([conf.getInt32(w, 'v'), conf.getInt32(w, 'n')]).toEqual([17, 5])
      conf.setString(w, 'n', '6')
    }
    expect(asked).toEqual([
      { path: 'a "x"', key: 'v', text: 'secret' },
      { path: 'a "x"', key: 'n', text: '5' },
    ])
    using snapshot = config.snapshot()
    expect(snapshot.root.children[0]!.settings.get('v')!.value).toBe('secret')
  })

  it('CX-19 what a provider returns must be text, and it is told the stanza that a value stands in', async () => {
    const hooks = new Hooks()
    const config = new Config({ hooks })
    await config.loadText('n = 5  config { a = 1 }  p { config { b = 1 }  s { } }')
    const conf = config.sections
    const paths: string[] = []
    let given: unknown
    conf.hooks.valueFixup.registerLast((_closure, { path }) => {
      paths.push(path)
      return given as string
    }, undefined)
    using section = await conf.readSection('/p/s')
    conf.getHash(section, 'config')
    expect(paths).toEqual(['config', 'p config'])
    given = 7
    expect([conf.getString(section, '/n'), conf.getInt32(section, '/n')]).toEqual([undefined, undefined])
    expect(section.faults.map(({ code }) => code)).toEqual(['EINVAL', 'EINVAL'])
  })

  it('CX-19 a stanza may have to stay', async () => {
    const hooks = new Hooks()
    const config = new Config({ hooks })
    await config.loadText('keep { } drop { }')
    const conf = config.sections
    conf.hooks.deleteSection.registerLast((_closure, path) => path !== 'keep', undefined)
    const keep = await conf.writeSection('/keep')
    expect([conf.removeSection(keep), keep.isReleased]).toEqual([false, false])
    await keep.release()
    const drop = await conf.writeSection('/drop')
    expect(conf.removeSection(drop)).toBe(true)
    expect(await drop.committed).toMatchObject({ generation: 2 })
  })

  it('CX-19 without hooks there are none', async () => {
    const { sections: conf } = await configOf('')
    expect(codeOf(() => conf.hooks)).toBe('ERR_NOT_SUPPORTED')
  })
})
