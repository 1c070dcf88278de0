import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type ConfigError,
  type Loaded,
  loadConfig,
  type LoadOptions,
  printConfig,
} from '../../lib/config/syntax'
import { temporaryFolder } from '../temporary-folder'

/** Writes files below a new folder, which it returns. */
function folderWith(files: Record<string, string | Uint8Array>): string {
  const folder = realpathSync(temporaryFolder())
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

async function failure(path: string, options?: LoadOptions): Promise<ConfigError> {
  return await loadConfig(path, options).then(
    () => Promise.reject(new Error('it was loaded')),
    (error) => error,
  )
}

const shown = ({ body }: Loaded): string => printConfig({ body }).replace(/\s+/g, ' ').trim()

describe('include and readonly_include (CF-30, A-CF-20)', () => {
  it('puts what a file holds in the place of its include, also in a stanza', async () => {
    const folder = folderWith({
      'app.conf': 'a = 1\ninclude "sub/one.conf"\nB "b" { c = 1 include "sub/two.conf" d = 1 }\ne = 1\n',
      'sub/one.conf': 'one = 1\ninclude "three.conf"\n',
      'sub/two.conf': 'two = 1\n',
      'sub/three.conf': 'three = 1\n',
    })
    const loaded = await loadConfig(join(folder, 'app.conf'))
    expect(shown(loaded)).toBe('a = 1 one = 1 three = 1 B "b" { c = 1 two = 1 d = 1 } e = 1')
    expect(loaded.body[2]).toMatchObject({ file: join(folder, 'sub/three.conf'), line: 1 })
    expect([...loaded.files.values()].every(({ writable }) => writable)).toBe(true)
  })

  it('looks beside the including file first, then beside the main file', async () => {
    const folder = folderWith({
      'app.conf': 'include "sub/one.conf"',
      'sub/one.conf': 'include "x.conf" include "y.conf"',
      'sub/x.conf': 'x = inner',
      'x.conf': 'x = outer',
      'y.conf': 'y = outer',
    })
    expect(shown(await loadConfig(join(folder, 'app.conf')))).toBe('x = inner y = outer')
  })

  it('takes the files of a directory by name, without hidden ones and directories', async () => {
    const folder = folderWith({
      'app.conf': 'include "conf.d/"',
      'conf.d/b': 'v = b',
      'conf.d/c': 'v = c',
      'conf.d/B': 'v = B',
      'conf.d/a': 'v = a',
      'conf.d/.hidden': '?',
      'conf.d/sub/d': '?',
    })
    symlinkSync(join(folder, 'conf.d/sub'), join(folder, 'conf.d/link'))
    expect(shown(await loadConfig(join(folder, 'app.conf')))).toBe('v = B v = a v = b v = c')
  })

  it('knows what must not be written: read-only files, what they include, files included twice', async () => {
    const folder = folderWith({
      'app.conf': 'readonly_include "ro.conf" include "twice.conf" include "twice.conf" include "once.conf"',
      'ro.conf': 'include "below.conf"',
      'below.conf': '',
      'twice.conf': 'include "also.conf"',
      'also.conf': 't = 1',
      'once.conf': '',
    })
    const { files, body } = await loadConfig(join(folder, 'app.conf'))
    const writable = [...files].filter(([, file]) => file.writable).map(([path]) => path)
    expect(writable).toEqual([join(folder, 'app.conf'), join(folder, 'once.conf')])
    expect(body).toHaveLength(2)
    expect(files.get(join(folder, 'also.conf'))).toMatchObject({ inclusions: 2, readonly: false })
  })

  it('takes one file under two names for one', async () => {
    const folder = folderWith({ 'app.conf': 'include "x.conf" include "y.conf"', 'x.conf': 'x = 1' })
    symlinkSync('x.conf', join(folder, 'y.conf'))
    const { files, body } = await loadConfig(join(folder, 'app.conf'))
    expect(files.size).toBe(2)
    expect(body).toHaveLength(2)
    expect(files.get(join(folder, 'x.conf'))?.writable).toBe(false)
  })

  it('refuses files that include each other, with the chain', async () => {
    const folder = folderWith({
      'a.conf': 'include "b.conf"',
      'b.conf': '\n  include "c.conf"',
      'c.conf': 'x = 1 include "a.conf"',
    })
    const error = await failure(join(folder, 'a.conf'))
    const chain = ['a', 'b', 'c', 'a'].map((name) => join(folder, `${name}.conf`)).join(' → ')
    expect(error).toMatchObject({ code: 'ERR_CONFIG_INCLUDE', line: 1, column: 7 })
    expect(error.file).toBe(join(folder, 'c.conf'))
    expect(error.reason).toBe(`files include each other: ${chain}`)
    const own = folderWith({ 'a.conf': 'include "."' })
    expect((await failure(join(own, 'a.conf'))).code).toBe('ERR_CONFIG_INCLUDE')
  })

  it('has limits for depth, number and size', async () => {
    const deep: Record<string, string> = {}
    for (let n = 0; n < 20; n++) deep[`${n}.conf`] = `include "${n + 1}.conf"`
    deep['20.conf'] = ''
    const folder = folderWith({
      ...deep,
      'many.conf': 'include "20.conf"\n'.repeat(11),
      'fan0.conf': 'include "fan1.conf"\n'.repeat(100),
      'fan1.conf': 'include "fan2.conf"\n'.repeat(100),
      'fan2.conf': 'include "fan3.conf"\n'.repeat(100),
      'fan3.conf': 'a = 1',
      'big.conf': 'include "20.conf" include "2.txt"',
      '2.txt': '#'.repeat(2000),
    })
    const at = async (name: string, options: LoadOptions): Promise<[string, number | undefined]> => {
      const { code, line } = await failure(join(folder, name), options)
      return [code, line]
    }
    expect(await at('0.conf', {})).toEqual(['ERR_CONFIG_LIMIT', 1])
    await expect(loadConfig(join(folder, '4.conf'))).resolves.toBeDefined()
    expect(await at('many.conf', { maxIncludes: 10 })).toEqual(['ERR_CONFIG_LIMIT', 11])
    expect(await at('fan0.conf', {})).toEqual(['ERR_CONFIG_LIMIT', expect.any(Number)])
    expect(await at('big.conf', { maxFileBytes: 1999 })).toEqual(['ERR_CONFIG_LIMIT', 1])
    await expect(loadConfig(join(folder, 'big.conf'), { maxFileBytes: 2000 })).resolves.toBeDefined()
    expect(await at('big.conf', { maxTotalCharacters: 2000 })).toEqual(['ERR_CONFIG_LIMIT', 1])
    expect(await at('2.txt', { maxFileBytes: 1999 })).toEqual(['ERR_CONFIG_LIMIT', undefined])
  })

  it('finds the errors of all files', async () => {
    const folder = folderWith({
      'app.conf': 'a =\ninclude "bad.conf"\ninclude "missing.conf"\nb = }\n',
      'bad.conf': 'ok = 1\n? = 2\n',
    })
    const { all } = await failure(join(folder, 'app.conf'))
    // The file that could not be read to its end is searched for includes no further.
    expect(all.map(({ line, code }) => [line, code])).toEqual([
      [1, 'ERR_CONFIG_SYNTAX'],
      [4, 'ERR_CONFIG_SYNTAX'],
    ])
    writeFileSync(join(folder, 'app.conf'), 'include "bad.conf"\ninclude "missing.conf"\ninclude "bad.conf"')
    const second = await failure(join(folder, 'app.conf'))
    expect(second.all.map(({ file, line, code }) => [file, line, code])).toEqual([
      [join(folder, 'bad.conf'), 2, 'ERR_CONFIG_SYNTAX'],
      [join(folder, 'app.conf'), 2, 'ENOENT'],
    ])
    expect(second.all[1]?.message).toContain('include "missing.conf"\n  ^')
    expect(second.all[1]).toMatchObject({ errno: -2, path: join(folder, 'missing.conf') })
  })
})

describe('a file of a configuration', () => {
  it('can be empty, and has a byte order mark or CRLF if it likes', async () => {
    const folder = folderWith({ empty: '', bom: '\ufeffa = 1\r\nb = 2\r\n' })
    expect((await loadConfig(join(folder, 'empty'))).body).toEqual([])
    const loaded = await loadConfig(join(folder, 'bom'))
    expect(shown(loaded)).toBe('a = 1 b = 2')
    expect(loaded.root.tree.text).toBe('\ufeffa = 1\r\nb = 2\r\n')
  })

  it('gives a typed error where it is missing, a directory, no file, not UTF-8', async () => {
    const folder = folderWith({
      latin: Buffer.from('a = 1\nb = "gr\xfcn"\n', 'latin1'),
      huge: '',
      nul: 'a = 1\ninclude "a\0b"',
      cut: Buffer.from([0x61, 0x3d, 0x22, 0xe2, 0x82]),
    })
    symlinkSync('nothing', join(folder, 'dangling'))
    symlinkSync('loop', join(folder, 'loop'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const at = async (path: string): Promise<unknown> => await failure(join(folder, path))
    expect(await at('missing')).toMatchObject({
      code: 'ENOENT',
      file: join(folder, 'missing'),
      line: undefined,
    })
    expect(await at('dangling')).toMatchObject({ code: 'ENOENT' })
    expect(await at('loop')).toMatchObject({ code: 'ELOOP', syscall: 'open' })
    expect(await at('.')).toMatchObject({ code: 'EISDIR' })
    expect(await at('pipe')).toMatchObject({ code: 'ERR_CONFIG_FILE' })
    truncateSync(join(folder, 'huge'), 100_000_000)
    expect(await at('huge')).toMatchObject({ code: 'ERR_CONFIG_LIMIT', file: join(folder, 'huge') })
    expect(await at('nul')).toMatchObject({ code: 'ERR_CONFIG_FILE', line: 2, column: 1 })
    expect(await failure(7 as unknown as string)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    for (const options of [null, { maxIncludes: -1 }, { maxFileBytes: Number.NaN }])
      expect(await failure('x', options as LoadOptions)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(await at('latin')).toMatchObject({ code: 'ERR_CONFIG_ENCODING', line: 2, column: 8 })
    expect(await at('cut')).toMatchObject({ code: 'ERR_CONFIG_ENCODING', line: 1, column: 4 })
  })

  it('may be read through a link, and then includes what lies beside its own place', async () => {
    const folder = folderWith({ 'real/app.conf': 'include "x.conf"', 'real/x.conf': 'x = 1' })
    symlinkSync('real/app.conf', join(folder, 'link.conf'))
    const loaded = await loadConfig(join(folder, 'link.conf'))
    expect(shown(loaded)).toBe('x = 1')
    expect(loaded.root).toMatchObject({
      path: join(folder, 'link.conf'),
      realPath: join(folder, 'real/app.conf'),
    })
  })
})

describe('the local changes file (CF-31, A-CF-21)', () => {
  it('is read last, and need not exist', async () => {
    const folder = folderWith({ 'app.conf': 'a = 1\n', local: 'a = 2\n', bad: '?' })
    const load = (name: string): Promise<Loaded> =>
      loadConfig(join(folder, 'app.conf'), { localChangesFile: join(folder, name) })
    expect(shown(await load('local'))).toBe('a = 1 a = 2')
    expect(shown(await load('none'))).toBe('a = 1')
    expect(shown(await loadConfig(join(folder, 'app.conf')))).toBe('a = 1')
    await expect(load('bad')).rejects.toMatchObject({ code: 'ERR_CONFIG_SYNTAX', file: join(folder, 'bad') })
  })
})
