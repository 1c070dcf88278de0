import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DSO_ABI, DSO_MAGIC, Dso } from '../../lib'
import { temporaryFolder } from '../temporary-folder'
import { put, thrownBy } from './modules-harness'

/** An image that logs its phases into `globalThis[folder]`. */
function image(
  folder: string,
  name: string,
  more = '',
  head = `magic: ${DSO_MAGIC}, abi: ${DSO_ABI}`,
): string {
  return `const log = globalThis[${JSON.stringify(folder)}]
    const image = { ${head}, name: '${name}', type: 'generic',
      onload() { log.push('${name} onload') },
      config(self, config) { log.push('${name} config ' + JSON.stringify(config)); self.data = config; return 0 },
      init(self) { log.push('${name} init ' + self.data.size) },
      postInit() { log.push('${name} postInit') } }
    export default { ...image, ${more} }`
}

function folderOf(files: (folder: string) => Record<string, string>): { folder: string; log: string[] } {
  const folder = temporaryFolder()
  const log: string[] = []
  ;(globalThis as Record<string, unknown>)[folder] = log
  for (const [name, text] of Object.entries(files(folder))) put(join(folder, name), text)
  return { folder, log }
}

describe('images', () => {
  it('go through their phases together (MO-19)', async () => {
    const { folder, log } = folderOf((at) => ({
      'a/one.mjs': image(at, 'one'),
      'b/two.js': image(at, 'two').replace('export default', 'module.exports ='),
    }))
    const dso = new Dso({ searchPath: `${folder}/a:${folder}/none;${folder}/b` })
    expect(await dso.load({ image: 'one', config: { size: '1' } })).toBe('one')
    expect(await dso.load({ image: 'two.js', config: { size: '2' } })).toBe('two')
    await dso.init()
    log.push('listeners')
    await dso.postInit()
    await dso.init()
    expect(log).toEqual([
      'one onload',
      'one config {"size":"1"}',
      'two onload',
      'two config {"size":"2"}',
      'one init 1',
      'two init 2',
      'listeners',
      'one postInit',
      'two postInit',
    ])
    expect(dso.list().map(({ name, state }) => [name, state])).toEqual([
      ['one', 'running'],
      ['two', 'running'],
    ])
  })

  it.each([
    [
      'another ABI',
      (at: string) => image(at, 'x', '', `magic: ${DSO_MAGIC}, abi: 7`),
      'ERR_DSO_ABI',
      /ABI 7.*ABI 1/,
    ],
    ['no magic', (at: string) => image(at, 'x', '', 'abi: 1'), 'ERR_DSO_SYMBOL', /magic/],
    ['nothing', () => 'export const x = 1', 'ERR_DSO_SYMBOL', /no image/],
    ['the wrong type', (at: string) => image(at, 'x', `type: 'loader'`), 'ERR_DSO_SYMBOL', /'loader'/],
    ['a phase that is no function', (at: string) => image(at, 'x', `init: 5`), 'ERR_DSO_SYMBOL', /init/],
    ['a syntax error', () => 'export default {', 'ERR_MODULE_LOAD', /x\.mjs/],
    [
      'an onload that fails',
      (at: string) => image(at, 'x', `onload() { return -1 }`),
      'ERR_MODULE_FAILED',
      /-1/,
    ],
    [
      'a config that throws',
      (at: string) => image(at, 'x', `config() { throw new Error('no luck') }`),
      'ERR_MODULE_FAILED',
      /no luck/,
    ],
    [
      'a getter that throws',
      () => 'export default { get magic() { throw 1 } }',
      'ERR_DSO_SYMBOL',
      /no image/,
    ],
  ])('with %s are refused and counted (MO-19, MO-20)', async (_what, text, code, words) => {
    const { folder } = folderOf((at) => ({ 'x.mjs': text(at) }))
    const dso = new Dso({ searchPath: folder })
    const error = await thrownBy(dso.load({ image: 'x' }))
    expect(error).toMatchObject({ code })
    expect(error.message).toMatch(words)
    expect(dso.failures).toEqual([error])
    expect(dso.list()).toEqual([])
    expect(await thrownBy(dso.init())).toMatchObject({ code: 'ERR_MODULE_FAILED', cause: error })
  })

  it('that are nowhere are refused (MO-19)', async () => {
    const { folder } = folderOf(() => ({ 'x.txt': '' }))
    const dso = new Dso({ searchPath: folder })
    for (const name of ['none', 'x.txt', '/none/x.mjs'])
      expect(await thrownBy(dso.load({ image: name }))).toMatchObject({ code: 'ERR_DSO_LOAD' })
    expect(await thrownBy(dso.load({ image: '' }))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(dso.failures).toHaveLength(3)
  })

  it('may fail as often as is tolerated (MO-19)', async () => {
    const { folder, log } = folderOf((at) => ({
      'bad.mjs': image(at, 'bad', 'init() { return -1 }'),
      'good.mjs': image(at, 'good'),
      'late.mjs': image(at, 'late', 'postInit() { return new Promise(() => {}) }'),
    }))
    const dso = new Dso({ searchPath: folder, tolerated: 1, timeout: 200 })
    for (const name of ['bad', 'good', 'late']) await dso.load({ image: name, config: { size: '1' } })
    expect(await thrownBy(dso.load({ image: 'good' }))).toMatchObject({ code: 'ERR_MODULE_DUPLICATE' })
    expect(await thrownBy(dso.init())).toMatchObject({ code: 'ERR_MODULE_FAILED' })
    expect(log).toContain('good init 1')
    const patient = new Dso({ searchPath: folder, tolerated: 2, timeout: 200 })
    for (const name of ['bad', 'good', 'late']) await patient.load({ image: name, config: { size: '1' } })
    await patient.init()
    await patient.postInit()
    expect(patient.list().map(({ state }) => state)).toEqual(['failed', 'running', 'failed'])
    expect(patient.failures.map(({ code }) => code)).toEqual(['ERR_MODULE_FAILED', 'ETIME'])
  })

  it('are made by loaders out of something else (MO-19)', async () => {
    const { folder, log } = folderOf((at) => ({
      'loader.mjs': image(
        at,
        'words',
        `type: 'loader', init() {}, load(self, text) { return { ...image, name: text, init() { log.push('made ' + text) } } }`,
      ),
    }))
    const dso = new Dso({ searchPath: folder })
    await dso.load({ image: 'loader', type: 'loader' })
    expect(await dso.load({ image: 'hello', loader: 'words' })).toBe('hello')
    await dso.init()
    expect(log).toContain('made hello')
    expect(await thrownBy(dso.load({ image: 'x', loader: 'hello' }))).toMatchObject({ code: 'ERR_DSO_LOAD' })
  })
})
