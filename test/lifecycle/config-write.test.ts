import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadConfig } from '../../lib/config/syntax'
import { Program } from '../e2e/program'
import { temporaryFolder } from '../temporary-folder'

const programs = new Set<Program>()
afterAll(async () => {
  for (const program of programs) await program.stop()
})

it('leaves the old file whole when it is killed before the new one takes its place (A-CX-11, CF-31)', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'app.conf')
  writeFileSync(path, 'include "conf.d"\n')
  chmodSync(path, 0o640)
  const before = statSync(path)
  const program = new Program(['test/lifecycle/programs/config-write.mjs', path, 'new = 1\n'])
  programs.add(program)
  expect(await program.exit()).toBe('SIGKILL')
  expect(readFileSync(path, 'utf8')).toBe('include "conf.d"\n')
  expect(statSync(path)).toMatchObject({ ino: before.ino, mode: before.mode, mtimeMs: before.mtimeMs })
  const left = readdirSync(folder).filter((name) => name !== 'app.conf')
  expect(left).toEqual([expect.stringMatching(/^\.heddle-.*\.tmp$/)])
  // What is left is hidden, so that a directory that is included is not read with half a change in it.
  writeFileSync(path, '')
  const main = join(temporaryFolder(), 'main.conf')
  writeFileSync(main, `include "${folder}"\n`)
  expect([...(await loadConfig(main)).files.keys()]).toEqual([main, path])
})
