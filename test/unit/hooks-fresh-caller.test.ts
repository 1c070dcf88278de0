import { execFileSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freshCopy as fromSource } from '../../lib/hooks/fresh-caller'
import { temporaryFolder } from '../temporary-folder'

const load = createRequire(__filename)
const DIST = join(__dirname, '../../dist')
const { freshCopy } = load(join(DIST, 'hooks/fresh-caller.js')) as { freshCopy: typeof fromSource }

describe('copies of the compiled callers', () => {
  it.each(['void-caller', 'value-caller', 'verdict-caller'] as const)(
    'is another one each time: %s',
    (file) => {
      const shared = load(join(DIST, `hooks/${file}.js`))
      const [one, two] = [freshCopy(file), freshCopy(file)]
      expect(one?.CALLERS).toHaveLength(7)
      expect(two?.CALLERS).toHaveLength(7)
      expect(new Set([shared, one, two].map(({ CALLERS }) => CALLERS[0])).size).toBe(3)
    },
  )

  it('is none where the compiled file does not lie beside, so that the shared one serves', () => {
    expect(fromSource('value-caller')).toBeUndefined()
  })

  it('is of the version that was started, whatever lies there later, and needs no code from strings', () => {
    const folder = temporaryFolder()
    cpSync(join(DIST, 'hooks'), join(folder, 'hooks'), { recursive: true })
    for (const file of ['errors.js', 'arguments.js']) cpSync(join(DIST, file), join(folder, file))
    const program = `
      const { appendFileSync, writeFileSync } = require('node:fs')
      const { Hooks } = require('./hooks/index.js')
      for (const kind of ['void', 'value', 'verdict'])
        writeFileSync(__dirname + '/hooks/' + kind + '-caller.js', 'exports.CALLERS = new Array(7).fill(() => () => { throw 1 })')
      const { freshCopy } = require('./hooks/fresh-caller.js')
      const hooks = new Hooks()
      const all = [hooks.declareVoid('m', 'x'), hooks.declare('m', 'y'), hooks.verdicts.declare('z')]
      let calls = 0
      for (const hook of all) {
        hook.registerLast(() => void calls++, {})
        for (let i = 0; i < 2000; i++) hook.call()
      }
      let isForbidden = false
      try { eval('1') } catch { isForbidden = true }
      process.stdout.write(JSON.stringify([calls, freshCopy('void-caller').CALLERS.length, isForbidden]))`
    writeFileSync(join(folder, 'main.cjs'), program)
    const command = ['--disallow-code-generation-from-strings', join(folder, 'main.cjs')]
    expect(JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' }))).toEqual([6000, 7, true])
  })
})
