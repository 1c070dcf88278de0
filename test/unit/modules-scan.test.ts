import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Config, Hooks, Modules } from '../../lib'
import { temporaryFolder } from '../temporary-folder'
import { put, siteOf, thrownBy } from './modules-harness'

const CODE = `export default { name: 'mod', confSetup() {}, extInit() {} }`

describe('a folder of manifests', () => {
  it('is one by whatever path it is given (MO-01, MO-02)', async () => {
    const { config, modules, folder, failures } = siteOf({ 'mod.ecm': '[mod]', 'mod.mjs': CODE })
    const link = join(temporaryFolder(), 'link')
    symlinkSync(folder, link)
    for (const path of [relative(process.cwd(), folder), `${folder}/./`, link]) modules.scan(path)
    expect([modules.problems(), failures]).toEqual([[], []])
    expect(modules.manifests().map(({ file }) => file)).toEqual([join(folder, 'mod.ecm')])
    await config.loadText('mod { }')
    expect(modules.loaded()).toHaveLength(1)
  })

  it('may share files with another one by links (MO-02)', () => {
    const { modules, folder } = siteOf({ 'mod.ecm': '[mod]' })
    const other = temporaryFolder()
    symlinkSync(join(folder, 'mod.ecm'), join(other, 'same.ecm'))
    modules.scan(other)
    expect(modules.problems()).toEqual([])
  })

  it('is looked at again at each load: what is mended, added and taken out counts (MO-01, MO-15)', async () => {
    const { config, modules, folder, failures } = siteOf({ 'mod.ecm': '[mod]\nwhat?', 'mod.mjs': CODE })
    await nextTurn()
    expect(modules.problems()).toHaveLength(1)
    expect(failures).toEqual(modules.problems())
    await config.loadText('mod { }')
    expect(modules.loaded()).toEqual([])

    put(join(folder, 'mod.ecm'), '[mod]\nwhat = it')
    put(join(folder, 'new.ecm'), '[new]')
    put(join(folder, 'new.mjs'), CODE.replace('mod', 'new'))
    await config.loadText('mod { }\nnew { }')
    expect(modules.problems()).toEqual([])
    expect(modules.loaded().map(({ name }) => name)).toEqual(['mod', 'new'])

    // By another name: it is the same module, and its code is here.
    rmSync(join(folder, 'mod.ecm'))
    put(join(folder, 'renamed.ecm'), '[mod]')
    rmSync(join(folder, 'new.ecm'))
    await config.loadText('mod { }\nnew { }')
    expect(modules.problems()).toEqual([])
    expect(modules.loaded().map(({ name }) => name)).toEqual(['mod', 'new'])
    expect(modules.manifests()).toHaveLength(1)
    expect(failures).toHaveLength(1)
  })

  it('that is gone leaves what was read, and is told once (MO-01)', async () => {
    const { config, modules, failures } = siteOf()
    const folder = join(temporaryFolder(), 'modules')
    mkdirSync(folder)
    put(join(folder, 'mod.ecm'), '[mod]')
    put(join(folder, 'mod.mjs'), CODE)
    modules.scan(folder)
    rmSync(folder, { recursive: true })
    await config.loadText('')
    await config.loadText('')
    expect(failures).toMatchObject([{ code: 'ERR_MANIFEST', file: folder }])
    expect(modules.manifests()).toHaveLength(1)
  })

  it('with a new error fails a strict load (MO-01)', async () => {
    const { config, folder } = siteOf({ 'mod.ecm': '[mod]' }, { strict: true })
    put(join(folder, 'bad.ecm'), 'what?')
    expect(await thrownBy(config.loadText(''))).toMatchObject({ code: 'ERR_MANIFEST' })
  })
})

describe('modules', () => {
  it('are made with what fits together (MO-01)', () => {
    const hooks = new Hooks({ phases: true })
    const config = new Config({ hooks })
    const refused = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
    expect(() => new Modules({ config: new Config(), hooks })).toThrow(refused)
    expect(() => new Modules({ config: new Config({ hooks: new Hooks() }), hooks })).toThrow(refused)
    expect(() => new Modules({ config, hooks, strict: 'yes' as never })).toThrow(refused)
    expect(() => new Modules({ config, hooks, searchPath: '/nonexistent' })).toThrow(
      expect.objectContaining({ code: 'ERR_MANIFEST' }),
    )
    // What failed has left nothing behind.
    expect(new Modules({ config, hooks }).loaded()).toEqual([])
  })
})
