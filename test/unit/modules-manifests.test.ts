import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Catalogue } from '../../lib/modules/catalogue'
import { parseManifest } from '../../lib/modules/manifest'
import { capabilityKey, parseProvides } from '../../lib/modules/provides'
import { type RequirementVisitor, Requirements } from '../../lib/modules/requires'
import { foldersOf, scanFolder } from '../../lib/modules/scan'
import { temporaryFolder } from '../temporary-folder'

/** A folder with these files. */
function folderOf(files: Record<string, string | Uint8Array>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

describe('a manifest', () => {
  it('has sections with what they require and provide, and keeps what means nothing to it (MO-01, MO-03, MO-18)', () => {
    const text = [
      '; of the old kind',
      '[first]   # the header may have one too',
      'msys.requires = base',
      'msys.requires = "log"',
      '',
      'msys.provides = config.Global:MyKey',
      'MSYS.Provides:AUTO = config.Global:Binding.MyKey',
      'homepage = https://example.com/#top',
      '[ second ]',
    ].join('\r\n')
    const { sections, errors } = parseManifest(text, 'm.ecm')
    expect(errors).toEqual([])
    expect(sections.map(({ name, line }) => [name, line])).toEqual([
      ['first', 2],
      ['second', 9],
    ])
    expect(sections[0]?.requires).toEqual(['base', 'log'])
    expect(sections[0]?.provides).toEqual([
      { scopes: ['Global'], key: 'MyKey', auto: false },
      { scopes: ['Global', 'Binding'], key: 'MyKey', auto: true },
    ])
    expect(sections[0]?.entries.at(-1)).toEqual({
      key: 'homepage',
      tag: undefined,
      value: 'https://example.com/#top',
      line: 8,
    })
  })

  it('has comments behind values, not in their quotation marks (MO-01)', () => {
    const lines = ['a = "x # y"', 'b = "x ; y" # z', 'c = x # y', 'd = "x # y', 'e = x#y']
    const { sections, errors } = parseManifest(`[m]\n${lines.join('\n')}`, 'm.ecm')
    expect(errors).toEqual([])
    expect(sections[0]?.entries.map(({ value }) => value)).toEqual(['x # y', 'x ; y', 'x', '"x', 'x#y'])
  })

  it.each([
    ['[a', 1, '[name]'],
    ['[a b]', 1, '[name]'],
    ['[]', 1, '[name]'],
    ['key = 1', 1, 'before the first'],
    ['[a]\nno equals sign', 2, 'key = value'],
    ['[a]\nmsys.requires =', 2, 'needs a value'],
    ['[a]\nmsys.requires = b c', 2, 'one name'],
    ['[a]\nmsys.provides:automatic = config.Global:Key', 2, ':auto'],
    ['[a]\nmsys.provides = config.Key', 2, 'config.Global'],
  ])('says where %j is wrong (MO-01)', (text, line, words) => {
    const { sections, errors } = parseManifest(text, '/m/x.ecm')
    expect(sections).toEqual([])
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: 'ERR_MANIFEST', file: '/m/x.ecm', line })
    expect(errors[0]?.message).toContain(`/m/x.ecm:${line}: `)
    expect(errors[0]?.message).toContain(words)
  })

  it('leaves out sections with a bad line only (MO-01)', () => {
    const { sections, errors } = parseManifest('[a]\n[b]\n???\n[c\nx = 1\n[d]\n', 'm.ecm')
    expect(sections.map(({ name }) => name)).toEqual(['a', 'd'])
    expect(errors.map(({ line }) => line)).toEqual([3, 4])
  })

  it('cannot have two sections of one name (MO-02)', () => {
    const { sections, errors } = parseManifest('[a]\n[A]\n', 'm.ecm')
    expect(sections).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: 'ERR_MODULE_DUPLICATE', line: 2 })
    expect(errors[0]?.message).toContain('m.ecm:1')
  })

  it('is read whatever it holds (MO-01)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const { sections, errors } = parseManifest(text, 'm')
        for (const error of errors) expect(['ERR_MANIFEST', 'ERR_MODULE_DUPLICATE']).toContain(error.code)
        for (const { name } of sections) expect(name).toMatch(/^[\w-]+$/)
      }),
    )
  })
})

describe('what a module provides', () => {
  it.each([
    ['config.Global:MyKey', ['Global'], 'MyKey'],
    ['config.Global.MyKey', ['Global'], 'MyKey'],
    ['config.Global:Binding.MyKey', ['Global', 'Binding'], 'MyKey'],
    ['config.Global:Binding:MyKey', ['Global', 'Binding'], 'MyKey'],
    ['config.Global:Domain.MyKey', ['Global', 'Domain'], 'MyKey'],
    ['config.Global:Binding:Domain.MyKey', ['Global', 'Binding', 'Domain'], 'MyKey'],
    ['config.Global:Binding:Domain:MyKey', ['Global', 'Binding', 'Domain'], 'MyKey'],
    ['spool.store', [], 'spool.store'],
  ])('is %s (MO-04)', (text, scopes, key) => {
    expect(parseProvides(text)).toEqual({ scopes, key, auto: false })
    expect(parseProvides(`msys.provides = ${text}`)).toEqual({ scopes, key, auto: false })
    expect(parseProvides(`  msys.provides:auto=${text}`)).toEqual({ scopes, key, auto: true })
  })

  it.each([
    '',
    'config.',
    'config.Key',
    'config.Binding:Key',
    'config.Global:Binding.Domain.Key',
    'config.Global:',
    'a b',
  ])('is not %j (MO-04)', (text) => {
    expect(() => parseProvides(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  it('means the same in both spellings and in any case (MO-04)', () => {
    expect(capabilityKey(parseProvides('config.Global:Binding.Key'))).toBe(
      capabilityKey(parseProvides('CONFIG.global:BINDING:key')),
    )
  })
})

describe('a folder of manifests', () => {
  it('gives the good modules, and tells of the bad line (A-MO-1, MO-01, MO-02)', () => {
    const folder = folderOf({
      'b.ecm': '[two]\n[three]\nthis is no entry\n',
      'a.ecm': '# one module, of another name than its file\n[one]\n',
      'c.ecm': '[four]\n',
      '.hidden.ecm': '[hidden]\n',
      'notes.txt': '[none]\n',
    })
    mkdirSync(join(folder, 'd.ecm'))
    const catalogue = new Catalogue()
    const manifests = scanFolder(folder)
    const errors = catalogue.set(folder, manifests)
    expect(manifests.map(({ file }) => file)).toEqual(
      ['a', 'b', 'c'].map((name) => join(folder, `${name}.ecm`)),
    )
    expect(['one', 'two', 'four'].map((name) => catalogue.section(name)?.name)).toEqual([
      'one',
      'two',
      'four',
    ])
    expect(catalogue.knows('three')).toBe(false)
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining(`${join(folder, 'b.ecm')}:3: `),
    ])
    expect(catalogue.errors()).toEqual(errors)
  })

  it('knows no module that two files tell of, and names both (A-MO-14, MO-02)', () => {
    const first = folderOf({ 'x.ecm': '[same]\n' })
    const second = folderOf({ 'y.ecm': '\n[SAME]\n' })
    const catalogue = new Catalogue()
    const errors = [...catalogue.set(first, scanFolder(first)), ...catalogue.set(second, scanFolder(second))]
    expect(errors).toHaveLength(1)
    expect(errors[0]?.code).toBe('ERR_MODULE_DUPLICATE')
    for (const place of [`${join(first, 'x.ecm')}:1`, `${join(second, 'y.ecm')}:2`])
      expect(errors[0]?.message).toContain(place)
    expect(() => catalogue.section('same')).toThrow(errors[0])
    // The same file read again is not a second one.
    expect(catalogue.set(first, scanFolder(first))).toEqual([])
  })

  it('may hold what is no manifest (MO-01)', () => {
    const folder = folderOf({
      'bytes.ecm': new Uint8Array([0x5b, 0xff, 0x5d]),
      'large.ecm': '#'.repeat((1 << 20) + 1),
      'good.ecm': '[good]\n',
    })
    const errors = new Catalogue().set(folder, scanFolder(folder))
    expect(errors.map(({ file, code }) => [file, code])).toEqual([
      [join(folder, 'bytes.ecm'), 'ERR_MANIFEST'],
      [join(folder, 'large.ecm'), 'ERR_MANIFEST'],
    ])
  })

  it('that is not there is an error (MO-01)', () => {
    expect(() => scanFolder(join(temporaryFolder(), 'none'))).toThrow(
      expect.objectContaining({ code: 'ERR_MANIFEST' }),
    )
  })

  it('is one of a path of folders, with either separator (MO-19)', () => {
    expect(foldersOf('/a:/b;/c: :/a')).toEqual(['/a', '/b', '/c'])
    expect(foldersOf(['/a', '/b'])).toEqual(['/a', '/b'])
    expect(foldersOf(undefined)).toEqual([])
    expect(() => foldersOf(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

describe('requirements', () => {
  /** Modules by what they require; those in `broken` cannot be loaded. */
  function walkOf(
    modules: Record<string, readonly string[]>,
    { provided = {}, broken = [] }: { provided?: Record<string, string[]>; broken?: string[] } = {},
  ) {
    const order: string[] = []
    const tried: string[] = []
    const failures: string[] = []
    const visitor: RequirementVisitor = {
      known: (name) => name in modules,
      requires: (name) => modules[name] ?? [],
      providers: (capability) => provided[capability] ?? [],
      load: async (name) => {
        tried.push(name)
        if (broken.includes(name)) throw new Error(`${name} is broken`)
        order.push(name)
      },
      failed: (name, capability) => failures.push(`${name} for ${capability}`),
    }
    return { requirements: new Requirements(visitor), order, tried, failures }
  }

  it('are loaded first (A-MO-6, MO-03)', async () => {
    const { requirements, order } = walkOf({ a: ['b'], b: ['c'], c: [] })
    await requirements.load('a')
    expect(order).toEqual(['c', 'b', 'a'])
  })

  it('of two modules are loaded once (A-MO-6, MO-03)', async () => {
    const { requirements, order } = walkOf({ a: ['c'], b: ['c'], c: [] })
    await requirements.load('a')
    await requirements.load('b')
    expect(order).toEqual(['c', 'a', 'b'])
  })

  it('that are missing name both (A-MO-6, MO-03)', async () => {
    const { requirements, order } = walkOf({ a: ['b'], b: ['gone'] })
    const error = await requirements.load('a').catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_MODULE_DEP', module: 'b' })
    expect(error.message).toContain('b requires gone')
    expect(order).toEqual([])
  })

  it('in a circle are told with the path (A-MO-6, MO-03)', async () => {
    const { requirements, order } = walkOf({ x: ['a'], a: ['b'], b: ['a'] })
    const error = await requirements.load('x').catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_MODULE_CYCLE' })
    expect(error.message).toContain('a -> b -> a')
    expect(order).toEqual([])
    await expect(walkOf({ a: ['a'] }).requirements.load('a')).rejects.toThrow('a -> a')
  })

  it('on a capability are met by the first provider that can be loaded (A-MO-13, MO-16)', async () => {
    const { requirements, order, failures } = walkOf(
      { user: ['spool'], one: [], two: ['base'], base: [] },
      { provided: { spool: ['one', 'two'] }, broken: ['one'] },
    )
    await requirements.load('user')
    expect(order).toEqual(['base', 'two', 'user'])
    expect(failures).toEqual(['one for spool'])
  })

  it('are met by a provider that is loaded already (MO-16)', async () => {
    const { requirements, tried } = walkOf(
      { user: ['spool'], one: [], two: [] },
      { provided: { spool: ['one', 'two'] } },
    )
    await requirements.load('two')
    await requirements.load('user')
    expect(tried).toEqual(['two', 'user'])
  })

  it('that nobody can meet tell why (MO-16)', async () => {
    const { requirements } = walkOf(
      { user: ['spool'], one: [], two: [] },
      { provided: { spool: ['one', 'two'] }, broken: ['one', 'two'] },
    )
    const error = await requirements.load('user').catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_MODULE_DEP', module: 'user' })
    expect(error.message).toContain('one is broken; two is broken')
  })

  it('that failed are not tried again in the same walk (MO-03)', async () => {
    const { requirements, tried } = walkOf({ a: ['c'], b: ['c'], c: [] }, { broken: ['c'] })
    await expect(requirements.load('a')).rejects.toThrow('c is broken')
    await expect(requirements.load('b')).rejects.toThrow('c is broken')
    expect(tried).toEqual(['c'])
  })
})
