import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DSO_ABI, DSO_MAGIC, Dso, generateEcm } from '../../lib'
import { gateOf, put, type Site, siteOf, thrownBy } from './modules-harness'

const NEVER = 'await new Promise(() => {})\n'

/** Counts its imports in the log of its folder. */
function counting(name: string, setup = '', more = ''): string {
  return `
    import { dirname } from 'node:path'
    import { fileURLToPath } from 'node:url'
    const log = globalThis[dirname(fileURLToPath(import.meta.url))]
    log.push('import ${name}')
    ${more}
    export default { name: '${name}', confSetup() { log.push('setup ${name}'); ${setup} }, extInit() {} }`
}

function importsOf({ log }: Site, name: string): number {
  return log.filter((line) => line === `import ${name}`).length
}

describe('code whose top level waits for ever', () => {
  it.each([
    ['a module', 'mod { }', 'mod'],
    ['a script', 'Script "x" { file = "FOLDER/mod.mjs" }', 'script x'],
  ])('fails its configuration, not the next ones: %s (A-MO-9, MO-09)', async (_what, text, module) => {
    const site = siteOf({ 'mod.ecm': '[mod]', 'mod.mjs': `${NEVER}export default {}` }, { timeout: 50 })
    const { config, modules, folder } = site
    const loading = config.loadText(text.replace('FOLDER', folder))
    expect(await thrownBy(loading)).toMatchObject({ code: 'ETIME', phase: 'load', module, isTimeout: true })
    await config.loadText('')
    expect(config.generation).toBe(1)
    await modules.close()
  })

  it('is waited for again, not imported again (MO-09)', async () => {
    const site = siteOf({ 'mod.ecm': '[mod]' }, { timeout: 50 })
    const gate = gateOf()
    const name = `gate of ${site.folder}`
    ;(globalThis as Record<string, unknown>)[name] = gate.opened
    put(join(site.folder, 'mod.mjs'), counting('mod', '', `await globalThis[${JSON.stringify(name)}]`))
    for (let i = 0; i < 2; i++)
      expect(await thrownBy(site.config.loadText('mod { }'))).toMatchObject({ code: 'ETIME' })
    gate.open()
    // Whatever the machine takes for it: each attempt goes on with the one import.
    while (site.modules.loaded().length === 0) await site.config.loadText('mod { }').catch(() => undefined)
    expect(importsOf(site, 'mod')).toBe(1)
  })

  it('fails an image, and a loader that makes one (MO-19)', async () => {
    const head = `export default { magic: ${DSO_MAGIC}, abi: ${DSO_ABI},`
    const { folder } = siteOf({
      'stuck.mjs': `${NEVER}${head} name: 'stuck', type: 'generic' }`,
      'loader.mjs': `${head} name: 'loader', type: 'loader', load: () => new Promise(() => {}) }`,
    })
    const dso = new Dso({ searchPath: folder, timeout: 50 })
    expect(await thrownBy(dso.load({ image: 'stuck' }))).toMatchObject({ code: 'ETIME', phase: 'load' })
    // Whatever the machine takes to import it: each attempt goes on with the one import.
    while (dso.list().length === 0) await dso.load({ image: 'loader', type: 'loader' }).catch(() => undefined)
    const made = dso.load({ image: 'x', loader: 'loader' })
    expect(await thrownBy(made)).toMatchObject({ code: 'ETIME', phase: 'load', module: 'loader' })
    expect(dso.failures.at(-1)).toMatchObject({ module: 'loader' })
  })

  it('is told when it fails too late (MO-09)', async () => {
    const site = siteOf({ 'mod.ecm': '[mod]' }, { timeout: 50 })
    const gate = gateOf()
    const name = `gate of ${site.folder}`
    ;(globalThis as Record<string, unknown>)[name] = gate.opened
    put(join(site.folder, 'mod.mjs'), `await globalThis[${JSON.stringify(name)}]; throw new Error('at last')`)
    expect(await thrownBy(site.config.loadText('mod { }'))).toMatchObject({ code: 'ETIME' })
    const told = new Promise((resolve) => site.modules.on('failure', resolve))
    gate.open()
    expect(await told).toMatchObject({ code: 'ERR_MODULE_LOAD', message: expect.stringContaining('at last') })
  })
})

describe('reload after reload', () => {
  it('imports nothing again that has not changed (MO-13, MO-16)', async () => {
    const site = siteOf({
      'one.ecm': '[one]\nmsys.provides = spool',
      'one.mjs': counting('one', `throw new Error('no disk')`),
      'broken.ecm': '[broken]\nmsys.provides = spool',
      'broken.mjs': counting('broken', '', `throw new Error('no network')`),
      'two.ecm': '[two]\nmsys.provides = spool',
      'two.mjs': counting('two'),
      'user.ecm': '[user]\nmsys.requires = spool',
      'user.mjs': counting('user'),
      'new.ecm': '[new]\n[bad]\nmsys.requires = new',
      'new.mjs': `${counting('new')}
        export const bad = { name: 'bad', confSetup() {}, extInit() { return -1 } }`,
    })
    const logged = `globalThis[${JSON.stringify(site.folder)}].push('import script')`
    put(join(site.folder, 'script.mjs'), `${logged}; export default {}`)
    const text = `user { }\nScript "x" { file = "${join(site.folder, 'script.mjs')}" }\n`
    for (let i = 0; i < 200; i++) {
      await site.config.loadText(text)
      await site.config.loadText(`${text}bad { }`).catch(() => undefined)
    }
    expect(site.config.generation).toBe(200)
    const imports = ['one', 'two', 'user', 'new', 'script'].map((name) => importsOf(site, name))
    expect(imports).toEqual([1, 1, 1, 1, 1])
    // What it failed for may be over one day, whoever has written nothing.
    expect(importsOf(site, 'broken')).toBeLessThanOrEqual(9)
    expect(site.config.liveGenerations()).toHaveLength(1)
  })

  it('repeats an import that fails a few times, and when the file was written (MO-05)', async () => {
    const site = siteOf({ 'mod.ecm': '[mod]' })
    const file = join(site.folder, 'mod.mjs')
    const broken = counting('mod', '', `throw new Error('no network')`)
    put(file, broken)
    for (let i = 0; i < 30; i++)
      expect(await thrownBy(site.config.loadText('mod { }'))).toMatchObject({ code: 'ERR_MODULE_LOAD' })
    expect(importsOf(site, 'mod')).toBe(9)
    // Touched, with the same text: perhaps what it needs is there now.
    utimesSync(file, 1, 1)
    await thrownBy(site.config.loadText('mod { }'))
    expect(importsOf(site, 'mod')).toBe(10)
    put(file, counting('mod'))
    await site.config.loadText('mod { }')
    expect(site.modules.loaded()).toHaveLength(1)
  })
})

describe('two images of one name', () => {
  it('at once are one, and its functions are called once (MO-19)', async () => {
    const site = siteOf({ 'x.mjs': '' })
    put(
      join(site.folder, 'x.mjs'),
      `export default { magic: ${DSO_MAGIC}, abi: ${DSO_ABI}, name: 'x', type: 'generic',
        async onload() { globalThis[${JSON.stringify(site.folder)}].push('onload') } }`,
    )
    const dso = new Dso({ searchPath: site.folder })
    const loads = await Promise.allSettled([dso.load({ image: 'x' }), dso.load({ image: 'x' })])
    expect(loads.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(site.log).toEqual(['onload'])
    expect(dso.list()).toHaveLength(1)
    expect(dso.failures).toMatchObject([{ code: 'ERR_MODULE_DUPLICATE' }])
  })

  it('may be tried one after the other (MO-19)', async () => {
    const head = `export default { magic: ${DSO_MAGIC}, abi: ${DSO_ABI}, name: 'x', type: 'generic',`
    const { folder } = siteOf({
      'bad.mjs': `${head} config() { return -1 } }`,
      'good.mjs': `${head} config() { return 1 } }`,
    })
    const dso = new Dso({ searchPath: folder, tolerated: 1 })
    expect(await thrownBy(dso.load({ image: 'bad' }))).toMatchObject({ code: 'ERR_MODULE_FAILED' })
    // Above 0 is no failure, as libmtev has it.
    expect(await dso.load({ image: 'good' })).toBe('x')
  })

  it('has a time-out of at least a millisecond (MO-19)', () => {
    expect(() => new Dso({ timeout: 0 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

describe('lines for a manifest', () => {
  it('are made from the code as it is now (MO-07)', async () => {
    const { folder } = siteOf({ 'mod.ecm': '[mod]\n' })
    for (const key of ['One', 'Two']) {
      const options = `{ ${key}: { type: 'int', fallback: 'Global' } }`
      put(
        join(folder, 'mod.mjs'),
        `export default { name: 'mod', options: ${options}, confSetup() {}, extInit() {} }`,
      )
      const { text } = await generateEcm(join(folder, 'mod.ecm'))
      expect(text).toContain(`msys.provides:auto = config.Global.${key}`)
    }
  })
})
