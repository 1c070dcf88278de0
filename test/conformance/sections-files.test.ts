import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Config } from '../../lib'
import { codeOf, failureOf } from '../thrown'
import { signal, turn, until } from './sections-harness'
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

  it('CX-15 what is asked for while another write goes on is one write behind it', async () => {
    const { config } = await files()
    const conf = config.sections
    const [begun, hold] = [signal(), signal()]
    let writes = 0
    config.writeBack = async () => {
      if (++writes > 1) return
      begun.give()
      await hold.promise
    }
    const first = conf.requestWrite()
    await begun.promise
    const later = conf.requestWrite()
    await turn()
    await turn()
    const latest = conf.requestWrite()
    hold.give()
    await Promise.all([first, later, latest])
    expect(writes).toBe(2)
  })

  it('CX-15 what the files are is not written over by all of it', async () => {
    const { folder, main, config } = await files()
    await symlink(main, join(folder, 'link'))
    for (const path of [main, join(folder, 'more.conf'), join(folder, 'link')])
      expect((await failureOf(config.sections.writeFile(path))).code).toBe('ERR_INVALID_ARGUMENT')
    expect(await readFile(main, 'utf8')).toBe(MAIN)
  })

  it('CX-15 a file that somebody else has made unreadable meanwhile is stale, too', async () => {
    for (const bytes of [Buffer.from([0x61, 0x3d, 0xff]), Buffer.from(`${MAIN}${MAIN}`)]) {
      const { main, config } = await files()
      await config.sections.write('/', (w) => config.sections.setInt32(w, 'top', 2))
      await writeFile(main, bytes)
      expect((await failureOf(config.sections.writeFile())).code).toBe('ERR_CONFIG_STALE')
    }
  })

  it('CX-15 A-CX-11 writing can be switched off, also for what was asked for already', async () => {
    const { main, config } = await files()
    const conf = config.sections
    const asked = failureOf(conf.requestWrite())
    conf.disableWrites()
    expect([conf.writesDisabled, (await asked).code]).toEqual([true, 'ERR_WRITES_DISABLED'])
    expect((await failureOf(conf.writeFile())).code).toBe('ERR_WRITES_DISABLED')
    expect((await failureOf(conf.writeFile(`${main}2`))).code).toBe('ERR_WRITES_DISABLED')
    expect((await failureOf(config.writeBack())).code).toBe('ERR_WRITES_DISABLED')
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
      await using _journal = conf.journal(path, { quietMs: 60_000 })
      for (const value of [2, 3]) {
        await using w = await conf.writeSection('/')
        conf.setInt32(w, 'top', value)
      }
      expect(conf.generation).toBe(first + 2)
      await turn()
      expect(await readdir(folder)).not.toContain('journal')
    }
    const text = await readFile(path, 'utf8')
    expect(text.match(/^# generation \d+/gm)).toEqual([`# generation ${first + 2}`])
    expect(text).toContain('top = 3\n')
    await conf.write('/', (w) => conf.setInt32(w, 'top', 3))
    expect(await readFile(path, 'utf8')).toBe(text)
    const failed = new Promise<unknown>((resolve) => {
      const journal = conf.journal(folder, { quietMs: 0, onError: resolve })
      journal.mark()
    })
    expect(await failed).toMatchObject({ code: 'EISDIR' })
    expect(codeOf(() => conf.journal(''))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => conf.journal('x', { quietMs: -1 }))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => conf.journal('x', { onError: 1 as never }))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('CX-16 the journal writes by itself after a quiet time, once for all changes, and when it is told to', async () => {
    const { folder, config } = await files()
    const conf = config.sections
    const path = join(folder, 'journal')
    const entries = async (): Promise<string[]> =>
      (await readFile(path, 'utf8').catch(() => '')).match(/^# generation \d+/gm) ?? []
    const first = conf.generation
    await using journal = conf.journal(path, { quietMs: 1 })
    // Both in one run of code: no timer comes in between.
    const changed = [2, 3].map((value) => config.transaction((txn) => txn.set('top', value)).catch(() => 0))
    await Promise.all(changed)
    await untilAsync(async () => (await entries()).length === 1)
    expect(await entries()).toEqual([`# generation ${first + 1}`])
    journal.mark()
    await untilAsync(async () => (await entries()).length === 2)
    expect(await entries()).toEqual(Array(2).fill(`# generation ${first + 1}`))
  })

  it('CX-16 a time beyond every timer is long, not none', async () => {
    const { folder, config } = await files()
    const warnings: string[] = []
    const look = ({ name }: Error): void => {
      warnings.push(name)
    }
    process.on('warning', look)
    const conf = config.sections
    {
      await using journal = conf.journal(join(folder, 'journal'), { quietMs: Number.POSITIVE_INFINITY })
      journal.mark()
      const later = new Promise((resolve) => {
        setTimeout(resolve, 2)
      })
      await later
      expect(await readdir(folder)).not.toContain('journal')
    }
    process.off('warning', look)
    expect([await readdir(folder), warnings]).toEqual([expect.arrayContaining(['journal']), []])
  })

  it('CX-16 the journal goes on behind a failure, also of who is told of it', async () => {
    const { folder, config } = await files()
    const conf = config.sections
    const path = join(folder, 'later', 'journal')
    let told = 0
    const journal = conf.journal(path, {
      quietMs: 0,
      onError() {
        told++
        throw new Error('mine')
      },
    })
    journal.mark()
    await until(() => told === 1)
    await mkdir(join(folder, 'later'))
    journal.mark()
    await journal[Symbol.asyncDispose]()
    expect(await readFile(path, 'utf8')).toContain('top = 1\n')
    expect(told).toBe(1)
  })

  it.each(['include', 'Readonly_Include'])(
    'CX-15 what a file cannot say is refused where it is set: the name %s',
    async (name) => {
      const { config } = await files()
      const conf = config.sections
      const w = await conf.writeSection('/')
      const set = [
        () => conf.setString(w, name, 'x'),
        () => conf.setString(w, `${name}/x`, 'x'),
        () => conf.asTransaction(w).set(name, 'x'),
        () => conf.asTransaction(w).set(`a.${name}`, 'x'),
      ]
      expect(set.map(codeOf)).toEqual(Array(4).fill('ERR_CONFIG_PATH'))
      expect(await w.release()).toBeUndefined()
    },
  )

  it('CX-15 and half of a character', async () => {
    const { config } = await files()
    const conf = config.sections
    const w = await conf.writeSection('/')
    const txn = conf.asTransaction(w)
    expect(codeOf(() => conf.setString(w, 'x', '\ud800'))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => txn.set('x', ['\udc00']))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => txn.set('x', new Map([['\ud800', 1]])))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => conf.setString(w, 's[\ud800]/x', 'x'))).toBe('ERR_CONFIG_PATH')
    expect(await w.release()).toBeUndefined()
  })

  it('CX-14 CX-21 what stands in a stanza Global is the top: it is set, found and written back there', async () => {
    const main = join(temporaryFolder(), 'main.conf')
    await writeFile(main, 'Global {\n  Key = 1 # kept\n  Other = 1\n  a {\n    x = 1\n  }\n}\nLast = 1\n')
    const config = new Config({ file: main })
    const key = config.registerOption({ name: 'Key', type: 'int', fallback: 'Global', default: '0' })
    await config.reload()
    expect(config.value(key)).toBe(1)
    const conf = config.sections
    await conf.write('/Global', (w) => {
      conf.setInt32(w, 'Key', 2)
      conf.setInt32(w, '/Global/New', 3)
      expect([conf.getInt32(w, 'Key'), conf.getInt32(w, '/global[]/new')]).toEqual([2, 3])
      expect([conf.unset(w, 'Other'), conf.getInt32(w, 'Other')]).toEqual([true, undefined])
      conf.setInt32(w, 'a/x', 4)
    })
    expect(config.value(key)).toBe(2)
    await conf.writeFile()
    const text = await readFile(main, 'utf8')
    expect(text).toBe('Global {\n  Key = 2 # kept\n  a {\n    x = 4\n  }\n}\nLast = 1\nNew = 3\n')
    await config.reload()
    expect(config.value(key)).toBe(2)
    const top = await conf.writeSection('/Global')
    expect(conf.removeSection(top)).toBe(false)
    await top.release()
  })
})

/** The same for what is looked at in the file system. */
async function untilAsync(holds: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    if (looks === 100_000) throw new Error('what was waited for did not come')
    await turn()
  }
}
