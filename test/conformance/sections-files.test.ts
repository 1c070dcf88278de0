import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Config } from '../../lib'
import { codeOf, failureOf } from '../thrown'
import { turn } from './sections-harness'
import { temporaryFolder } from '../temporary-folder'

const MAIN = `# ours
top = 1 # kept
a {
  x = 1
}
include "more.conf"
readonly_include "fixed.conf"
`

async function files(): Promise<{ folder: string; main: string; config: Config }> {
  const folder = temporaryFolder()
  const main = join(folder, 'main.conf')
  await writeFile(main, MAIN, { mode: 0o640 })
  await writeFile(join(folder, 'more.conf'), 'b {\n  y = 1\n}\n')
  await writeFile(join(folder, 'fixed.conf'), 'c {\n  z = 1\n}\n')
  const config = new Config({ file: main, overrides: [{ path: 'Given', text: 'here' }] })
  await config.reload()
  return { folder, main, config }
}

describe('writing a configuration out', () => {
  it('CX-14 CX-15 A-CX-11 changes go to the files they belong to, with permissions and comments kept', async () => {
    const { folder, main, config } = await files()
    const conf = config.sections
    {
      await using w = await conf.writeSection('/')
      conf.setInt32(w, 'top', 2)
      conf.setInt32(w, 'b/y', 2)
      conf.setString(w, 'd[one]/new', 'two words')
      conf.unset(w, 'a/x')
    }
    expect(config.dirty).toBe(true)
    await conf.writeFile()
    expect(config.dirty).toBe(false)
    const text = await readFile(main, 'utf8')
    expect(text).toContain('# ours\ntop = 2 # kept\na {\n}\n')
    expect(text).toContain('d "one" {\n  new = "two words"\n}')
    expect(text).not.toContain('Given')
    expect(await readFile(join(folder, 'more.conf'), 'utf8')).toBe('b {\n  y = 2\n}\n')
    expect((await stat(main)).mode & 0o777).toBe(0o640)
    await config.reload()
    using r = await conf.readSection('/')
    expect([conf.getInt32(r, 'top'), conf.getString(r, 'd[one]/new'), conf.getString(r, 'a/x')]).toEqual([
      2,
      'two words',
      undefined,
    ])
    expect((await readdir(folder)).sort()).toEqual(['fixed.conf', 'main.conf', 'more.conf'])
  })

  it('CX-14 what a read-only file says cannot be changed there; nothing is written then', async () => {
    const { main, folder, config } = await files()
    const conf = config.sections
    {
      await using w = await conf.writeSection('/')
      conf.setInt32(w, 'top', 2)
      conf.unset(w, 'c/z')
    }
    expect((await failureOf(conf.writeFile())).code).toBe('ERR_CONFIG_READONLY')
    expect(await readFile(main, 'utf8')).toBe(MAIN)
    expect(await readFile(join(folder, 'fixed.conf'), 'utf8')).toBe('c {\n  z = 1\n}\n')
    expect(config.dirty).toBe(true)
  })

  it('CX-15 a file that somebody else has changed is left alone', async () => {
    const { main, config } = await files()
    const conf = config.sections
    {
      await using w = await conf.writeSection('/')
      conf.setInt32(w, 'top', 2)
    }
    await writeFile(main, `${MAIN}# theirs\n`)
    expect((await failureOf(conf.writeFile())).code).toBe('ERR_CONFIG_STALE')
    expect(await readFile(main, 'utf8')).toBe(`${MAIN}# theirs\n`)
  })

  it('CX-15 the whole of it goes to a file of its own, behind links too, and reads the same', async () => {
    const { folder, config } = await files()
    const conf = config.sections
    const target = join(folder, 'all', 'all.conf')
    const link = join(folder, 'link.conf')
    await mkdir(join(folder, 'all'))
    await writeFile(target, 'old', { mode: 0o600 })
    await chmod(target, 0o604)
    await symlink(target, link)
    await conf.writeFile(link)
    expect((await stat(target)).mode & 0o777).toBe(0o604)
    const again = new Config({ file: link })
    await again.reload()
    using one = config.snapshot()
    using two = again.snapshot()
    const shape = (node: typeof one.root): unknown => [
      node.name,
      node.instance,
      [...node.settings.values()].map(({ name, value }) => [name, value]),
      node.children.map(shape),
    ]
    expect(shape(two.root)).toEqual(shape(one.root))
    expect(await readdir(join(folder, 'all'))).toEqual(['all.conf'])
  })

  it('CX-15 A-CX-11 a hundred requests of one pass are one write', async () => {
    const { config } = await files()
    const conf = config.sections
    let writes = 0
    const writeBack = config.writeBack.bind(config)
    config.writeBack = async () => {
      writes++
      await writeBack()
    }
    const asked = Array.from({ length: 100 }, () => conf.requestWrite())
    await Promise.all(asked)
    expect(writes).toBe(1)
    await conf.requestWrite()
    expect(writes).toBe(2)
  })

  it('CX-15 A-CX-11 writing can be switched off, also for what was asked for already', async () => {
    const { main, config } = await files()
    const conf = config.sections
    const asked = failureOf(conf.requestWrite())
    conf.disableWrites()
    expect([conf.writesDisabled, (await asked).code]).toEqual([true, 'ERR_WRITES_DISABLED'])
    expect((await failureOf(conf.writeFile())).code).toBe('ERR_WRITES_DISABLED')
    expect((await failureOf(conf.writeFile(`${main}2`))).code).toBe('ERR_WRITES_DISABLED')
    expect(await readFile(main, 'utf8')).toBe(MAIN)
  })

  it('CX-15 a configuration from no file has nowhere to go; bad paths are told', async () => {
    const config = new Config()
    await config.loadText('a = 1')
    const conf = config.sections
    expect((await failureOf(conf.writeFile())).code).toBe('ERR_CONFIG_READONLY')
    expect((await failureOf(conf.writeFile(5 as never))).code).toBe('ERR_INVALID_ARGUMENT')
    expect((await failureOf(conf.writeFile('/nonexistent/folder/x.conf'))).code).toBe('ENOENT')
    expect((await failureOf(conf.writeFile(temporaryFolder()))).code).toBe('EISDIR')
  })

  it('CX-16 every change makes the generation larger; the journal has what was there when it was quiet', async () => {
    const { folder, config } = await files()
    const conf = config.sections
    const path = join(folder, 'journal')
    const first = conf.generation
    {
      await using journal = conf.journal(path, { quietMs: 60_000 })
      for (const value of [2, 3]) {
        await using w = await conf.writeSection('/')
        conf.setInt32(w, 'top', value)
      }
      expect(conf.generation).toBe(first + 2)
      await turn()
      expect(await readdir(folder)).not.toContain('journal')
      expect(journal).toBeDefined()
    }
    const text = await readFile(path, 'utf8')
    expect(text.match(/^# generation \d+/gm)).toEqual([`# generation ${first + 2}`])
    expect(text).toContain('top = 3\n')
    const failed = new Promise<unknown>((resolve) => {
      const journal = conf.journal(folder, { quietMs: 0, onError: resolve })
      journal.mark()
    })
    expect(await failed).toMatchObject({ code: 'EISDIR' })
    expect(codeOf(() => conf.journal(''))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => conf.journal('x', { quietMs: -1 }))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => conf.journal('x', { onError: 1 as never }))).toBe('ERR_INVALID_ARGUMENT')
  })
})
