import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Config, type ConfigNode, ConfigReader } from '../../lib/config'
import { temporaryFolder } from '../temporary-folder'

const INT = { type: 'int', fallback: 'Global' } as const

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'none'
}

describe('what a configuration cannot be', () => {
  it('has errors with a place, whoever finds it and when (CF-04, CF-32, CF-36)', async () => {
    const config = new Config()
    await config.loadText('late = abc\nPool "/(/" { size = 1 }', { file: 'app.conf' })
    // In the active configuration there would be a pattern that is none.
    expect(() => config.defineScope({ name: 'Pool' })).toThrow(
      'app.conf:2:1: the instance of Pool is a regular',
    )
    const other = config.registerOption({ ...INT, name: 'other', default: '1' })
    expect([config.value(other), config.options().length]).toEqual([1, 1])
    config.share()
    using reader = ConfigReader.attach(config.share())
    using old = reader.snapshot()
    await config.loadText('late = 5')
    config.registerOption({ ...INT, name: 'late' })
    await config.loadText('late = 6')
    const late = reader.slot('late')
    expect(late && reader.value(late)).toBe(6)
    // Older than the option, so nobody has looked at the value.
    expect(() => late && old.value(late)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_VALUE', file: 'app.conf', line: 1 }),
    )
    config.close()
  })

  it('has paths that owners and workers read alike (CF-20, CF-32)', () => {
    const config = new Config()
    const option = (fallback: string) => ({ ...INT, name: 'a', fallback })
    expect(codeOf(() => config.registerOption(option('Binding_Group:Binding>Global')))).toBe('ERR_OPTION_DEF')
    expect(codeOf(() => config.registerOption(option('Binding_Group:Domain>Binding>Global')))).toBe('none')
    expect(codeOf(() => config.defineScope({ name: 'Pools', groups: 'Pool' }))).toBe('ERR_CONFIG_SCOPE')
  })

  it('tells the stanza of a singleton from one with instances, in any order (CF-18)', async () => {
    const config = new Config()
    const one = config.registerOption({ name: 'a', type: 'string', fallback: '[mod]' })
    const many = config.registerOption({ name: 'b', type: 'string', fallback: 'mod' })
    await config.loadText('mod { a = one b = two }\nmod "x" { a = y b = z }')
    const query = () => ({ instance: 'x' })
    using before = config.snapshot()
    expect([before.value(one, query()), before.value(many, query())]).toEqual(['one', 'z'])
    await config.transaction(() => {})
    expect([config.value(many, query()), config.value(one, query())]).toEqual(['z', 'one'])
  })
})

describe('what a generation says', () => {
  it('nobody can change, wherever it comes from (CF-27)', async () => {
    const config = new Config()
    const slot = config.registerOption({ ...INT, name: 'a' })
    await config.loadText('a = 1\nDomain "d" { a = 2 }', { file: 'app.conf' })
    await config.transaction((txn) => txn.set('Domain:d.b', 1).set('c', 2))
    using txn = config.begin()
    txn.set('d', 3)
    using snapshot = config.snapshot()
    using value = config.fetch(slot)
    const frozen: unknown[] = []
    const visit = (node: ConfigNode) => {
      const { settings, children, origin } = node
      frozen.push(node, settings, children, origin)
      for (const setting of settings.values()) frozen.push(setting, setting.origin)
      for (const child of children) visit(child)
      const map = settings as Map<string, unknown>
      for (const change of [() => map.clear(), () => map.set('a', 1), () => map.delete('a')])
        expect(change).toThrow(TypeError)
      // As it is sent to other isolates.
      expect([...structuredClone(settings).keys()]).toEqual([...settings.keys()])
    }
    for (const root of [snapshot.root, txn.root, new Config().snapshot().root]) visit(root)
    expect(frozen.filter((one) => !Object.isFrozen(one))).toEqual([])
    expect(frozen.length).toBeGreaterThan(30)
    expect(() => {
      ;(value.origin as { line: number }).line = 99
    }).toThrow(TypeError)
    // What was handed out stays as it was.
    const { root } = txn
    txn.set('e', 4)
    expect([root.settings.has('e'), txn.root.settings.has('e')]).toEqual([false, true])
  })

  it('is dirty where it says something else than the files (CF-03)', async () => {
    const config = new Config()
    const before = config.dirty
    await config.loadText('a = 1\nb = 2')
    const states = [before, config.dirty]
    for (const change of [{}, { a: 2 }, { a: 1 }, { c: 3 }]) {
      await config.transaction((txn) => {
        for (const [name, value] of Object.entries(change)) txn.set(name, value)
      })
      states.push(config.dirty)
    }
    expect(states).toEqual([false, false, false, true, false, true])
  })

  it('is from the files that it was written to; of several settings the last counts (CF-35, A-CF-20)', async () => {
    const file = join(temporaryFolder(), 'app.conf')
    writeFileSync(file, 'a = 1\n')
    const config = new Config({ file, overrides: [{ path: 'o', text: '1' }] })
    config.registerOption({ ...INT, name: 'a' })
    config.registerOption({ ...INT, name: 'b' })
    config.registerOption({ ...INT, name: 'o' })
    await config.reload()
    await config.transaction((txn) => txn.set('b', 2))
    expect(config.locate('b')).toEqual([{ path: 'Global.b', origin: '<transaction>' }])
    await config.writeBack()
    const line = readFileSync(file, 'utf8').split('\n').indexOf('b = 2') + 1
    expect(line).toBeGreaterThan(0)
    const origins = () => ['a', 'b', 'o'].flatMap((name) => config.locate(name)).map(({ origin }) => origin)
    expect(origins()).toEqual([`${file}:1`, `${file}:${line}`, '<command line>'])
    await config.transaction((txn) => txn.set('a', 5))
    expect(origins()).toEqual(['<transaction>', `${file}:${line}`, '<command line>'])
    await config.loadText('Domain "d" { a = 1 }\na = 1\na = 2', { file: 'two' })
    expect(config.options({ name: 'a' })[0]?.origin).toBe('two:3')
    const twice = new Config()
    twice.registerOption({ name: 'f', type: 'int', fallback: 'Domain' })
    await twice.loadText('Domain "d" { f = 1 }\nDomain "d" { F = 2 }', { file: 'f' })
    expect(twice.options()[0]?.origin).toBe('f:2')
  })
})

describe('what a Config is asked', () => {
  it('refuses arguments that are none (CF-28)', async () => {
    const config = new Config()
    await config.loadText('')
    const slot = config.registerOption({ ...INT, name: 'a', default: '1' })
    for (const run of [
      () => config.begin(null as never),
      () => config.begin({ by: 5 as never }),
      () => config.begin({ by: '' }),
      () => config.begin({ by: '<command line>' }),
      () => config.begin({ fromScratch: 1 as never }),
      () => config.options(null as never),
      () => config.options({ module: 5 as never }),
      () => config.slot('a', 5 as never),
      () => config.fetchModuleAtInit(undefined as never, slot, {}),
      () => config.value(slot, 5 as never),
      () => config.value(slot, { domain: 5 as never }),
      () => new Config({ localChangesOnly: true }),
    ])
      expect(codeOf(run)).toBe('ERR_INVALID_ARGUMENT')
    for (const run of [
      () => config.transaction('x' as never),
      () => config.loadText(5 as never),
      () => config.loadText('', { file: 5 as never }),
      () => config.reload(5 as never),
    ])
      await expect(run()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(config.generation).toBe(1)
  })

  it('takes any name from outside, and keeps what it saw under the name it read (CF-21)', async () => {
    const config = new Config()
    const slot = config.registerOption({ ...INT, name: 'a', fallback: 'Domain>Global' })
    await config.loadText('a = 1\nDomain "a" { a = 2 }\nDomain "b" { a = 3 }\nDomain "/x*/" { a = 4 }')
    expect(config.value(slot, { domain: 'x'.repeat(5000) })).toBe(1)
    let reads = 0
    const shifty = {
      get domain() {
        return reads++ % 2 === 0 ? 'a' : 'b'
      },
    }
    const seen = [0, 1, 2, 3].map(() => [reads, config.value(slot, shifty)])
    for (const [, value] of seen) expect([2, 3]).toContain(value)
    expect([config.value(slot, { domain: 'a' }), config.value(slot, { domain: 'b' })]).toEqual([2, 3])
    const scopes = { domain: 'a' }
    const place = config.place({ scopes })
    scopes.domain = 'b'
    await config.transaction(() => {})
    expect(place.value(slot)).toBe(2)
  })
})
