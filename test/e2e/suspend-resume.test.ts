import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ROOT, read } from '../repo-files'
import { Program } from './program'

const urlOf = (file: string): string => pathToFileURL(join(ROOT, file)).href

describe('the example of a suspended session', () => {
  it('reads what it is asked for in jobs, one after the other, and ends with its input (TP-04, TP-21, MX-03)', async () => {
    const program = new Program(
      ['examples/suspend-resume.mjs'],
      { HEDDLE_BACKEND: 'native' },
      { input: true },
    )
    program.write(`${urlOf('.clang-format')}\n${urlOf('biome.json')}\n${urlOf('no such file')}\n`)
    await program.output(/failed: ENOENT/)
    program.write(`${urlOf('.clang-format')}\n`)
    program.endInput()
    expect(await program.exit()).toBe(0)
    const [first, second] = [read('.clang-format'), read('biome.json')]
    expect(program.stdout.startsWith(first + second)).toBe(true)
    expect(program.stdout.endsWith(first)).toBe(true)
  })

  it('says that descriptors need the native backend', async () => {
    const program = new Program(['examples/suspend-resume.mjs'], { HEDDLE_BACKEND: 'js' }, { input: true })
    expect(await program.exit()).toBe(1)
    expect(program.stderr).toContain('descriptors need the native backend')
  })
})
