import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { replaceFile, replaceFiles } from '../../lib/config/files'
import { loadConfig, saveChanges, writeBack } from '../../lib/config/syntax'
import { temporaryFolder } from '../temporary-folder'
import { canBecome } from '../users'

const isRoot = process.geteuid?.() === 0
const NOBODY = 65534
const canChange = canBecome(NOBODY)

function folderWith(files: Record<string, string>): string {
  const folder = realpathSync(temporaryFolder())
  for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content)
  return folder
}

/** Runs it as a user that may not write to what belongs to root; all others are such a user already. */
async function unprivileged<T>(run: () => Promise<T>): Promise<T> {
  if (!canChange) return await run()
  process.seteuid?.(NOBODY)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

describe('a file that is replaced (CF-31, CX-15, A-CX-11)', () => {
  it('keeps its permissions and its owner', async () => {
    const folder = folderWith({ 'app.conf': 'old' })
    const path = join(folder, 'app.conf')
    chmodSync(path, 0o4751)
    if (canChange) chownSync(path, NOBODY, NOBODY)
    if (canChange) chmodSync(path, 0o4751)
    const old = statSync(path)
    await replaceFile(path, 'new')
    const now = statSync(path)
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect([now.mode, now.uid, now.gid]).toEqual([old.mode, old.uid, old.gid])
    expect(now.ino).not.toBe(old.ino)
    expect(readdirSync(folder)).toEqual(['app.conf'])
  })

  it('is whole with its old text until the new one lies beside it', async () => {
    const folder = folderWith({ 'app.conf': 'old' })
    const path = join(folder, 'app.conf')
    let seen: string[] = []
    await replaceFile(path, 'new', {
      beforeRename: () => {
        const beside = readdirSync(folder).filter((name) => name.endsWith('.tmp'))
        seen = [readFileSync(path, 'utf8'), ...beside.map((name) => readFileSync(join(folder, name), 'utf8'))]
      },
    })
    expect(seen).toEqual(['old', 'new'])
  })

  it('leaves nothing behind where it fails before its last step', async () => {
    const folder = folderWith({ 'app.conf': 'old' })
    const failing = replaceFile(join(folder, 'app.conf'), 'new', {
      beforeRename: () => Promise.reject(new Error('planned')),
    })
    await expect(failing).rejects.toThrow('planned')
    expect(readFileSync(join(folder, 'app.conf'), 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['app.conf'])
  })

  it('is the one behind a symbolic link, which stays', async () => {
    const folder = folderWith({})
    mkdirSync(join(folder, 'real'))
    writeFileSync(join(folder, 'real/app.conf'), 'old')
    symlinkSync('real/app.conf', join(folder, 'link.conf'))
    await replaceFile(join(folder, 'link.conf'), 'new')
    expect(lstatSync(join(folder, 'link.conf')).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(folder, 'real/app.conf'), 'utf8')).toBe('new')
    expect(readdirSync(join(folder, 'real'))).toEqual(['app.conf'])
  })

  it('may be new, and then belongs to its owner alone', async () => {
    const folder = folderWith({})
    const path = join(folder, 'x'.repeat(255))
    await replaceFile(path, 'new', { expected: null })
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await replaceFile(join(folder, 'open'), '', { mode: 0o644 })
    expect(statSync(join(folder, 'open')).mode & 0o777).toBe(0o644)
  })

  it('must have the text that was read from it', async () => {
    const folder = folderWith({ 'app.conf': 'other' })
    const path = join(folder, 'app.conf')
    const stale = { code: 'ERR_CONFIG_STALE', file: path }
    for (const expected of ['old', 'others', 'othe', '', null])
      await expect(replaceFile(path, 'new', { expected })).rejects.toMatchObject(stale)
    await expect(replaceFile(join(folder, 'none'), '', { expected: '' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_STALE',
    })
    await replaceFile(path, 'new', { expected: 'other' })
    expect(readFileSync(path, 'utf8')).toBe('new')
  })

  it('is not taken from one who made it in the meantime', async () => {
    const path = join(folderWith({}), 'local')
    const late = replaceFile(path, 'ours', {
      expected: null,
      beforeRename: () => writeFileSync(path, 'theirs'),
    })
    await expect(late).rejects.toMatchObject({ code: 'ERR_CONFIG_STALE' })
    expect(readFileSync(path, 'utf8')).toBe('theirs')
  })

  it('changes with all others or not at all', async () => {
    const folder = folderWith({ a: 'old', b: 'old' })
    const files = ['a', 'b', 'none/c'].map((name) => ({ path: join(folder, name), text: 'new' }))
    await expect(replaceFiles(files)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old')
    await replaceFiles(files.slice(0, 2))
    expect(['a', 'b'].map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual(['new', 'new'])
    expect(readdirSync(folder)).toEqual(['a', 'b'])
  })

  it.skipIf(isRoot && !canChange)('gives a typed error where it cannot be written', async () => {
    const folder = folderWith({ 'read-only': 'old' })
    chmodSync(folder, 0o777)
    mkdirSync(join(folder, 'closed'))
    writeFileSync(join(folder, 'closed/app.conf'), 'old')
    chmodSync(join(folder, 'read-only'), 0o444)
    chmodSync(join(folder, 'closed/app.conf'), 0o666)
    chmodSync(join(folder, 'closed'), 0o555)
    symlinkSync('nothing', join(folder, 'dangling'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const at = async (path: string): Promise<unknown> =>
      await replaceFile(join(folder, path), 'new').catch((error) => error)
    await unprivileged(async () => {
      expect(await at('closed/app.conf')).toMatchObject({
        code: 'EACCES',
        file: join(folder, 'closed/app.conf'),
      })
      expect(await at('closed/new')).toMatchObject({ code: 'EACCES' })
      expect(await at('read-only')).toMatchObject({ code: 'EACCES' })
    })
    expect(await at('dangling')).toMatchObject({ code: 'ENOENT', syscall: 'realpath' })
    expect(await at('none/new')).toMatchObject({ code: 'ENOENT' })
    expect(await at('read-only/new')).toMatchObject({ code: 'ENOTDIR' })
    expect(await at('.')).toMatchObject({ code: 'EISDIR' })
    expect(await at('pipe')).toMatchObject({ code: 'ERR_CONFIG_FILE' })
    expect(readFileSync(join(folder, 'closed/app.conf'), 'utf8')).toBe('old')
    chmodSync(join(folder, 'closed'), 0o755)
  })
})

describe('changes that are saved (CF-31, A-CF-21)', () => {
  it('are read again from the files that they belong to', async () => {
    const folder = folderWith({
      'app.conf': '# main\ninclude "inc.conf"\na = 1 # one\n',
      'inc.conf': 'b = 1\n',
    })
    const options = { localChangesFile: join(folder, 'local.conf') }
    const load = () => loadConfig(join(folder, 'app.conf'), options)
    const loaded = await load()
    const changes = ['a', 'b', 'c'].map((name) => ({ kind: 'set' as const, scope: [], name, value: 'x y' }))
    await saveChanges(writeBack(loaded, changes))
    expect(readFileSync(join(folder, 'app.conf'), 'utf8')).toBe(
      '# main\ninclude "inc.conf"\na = "x y" # one\nc = "x y"\n',
    )
    expect(readFileSync(join(folder, 'inc.conf'), 'utf8')).toBe('b = "x y"\n')
    expect((await load()).body).toHaveLength(3)
    // What was loaded before is out of date now.
    await expect(saveChanges(writeBack(loaded, changes))).rejects.toMatchObject({ code: 'ERR_CONFIG_STALE' })
  })
})
