import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../repo-files'
import { temporaryFolder } from '../temporary-folder'

/** A program in a folder of its own, with the package and the example; its output, a line a print. */
function run(program: string): { folder: string; lines: string[] } {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'node_modules'))
  mkdirSync(join(folder, 'modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/heddle'))
  for (const name of ['hello.ecm', 'hello.mjs'])
    copyFileSync(join(ROOT, 'examples/modules', name), join(folder, 'modules', name))
  writeFileSync(join(folder, 'main.mjs'), program)
  const output = execFileSync(process.execPath, ['main.mjs'], {
    cwd: folder,
    encoding: 'utf8',
    // It holds up this thread, and with it the limit of the test.
    timeout: 200_000,
    killSignal: 'SIGKILL',
  })
  return { folder, lines: output.trimEnd().split('\n') }
}

it('runs the example module through its life (A-MO-3, A-MO-5, A-MO-7, A-MO-11)', () => {
  const { lines } = run(`
    import { Config, Hooks, Modules } from 'heddle'
    const hooks = new Hooks({ phases: true, strictClosure: true })
    const config = new Config({ hooks })
    const modules = new Modules({ config, hooks, searchPath: 'modules' })
    modules.on('implicit-load', ({ module, option }) => console.log(module, 'for', option.toLowerCase()))
    await config.loadText('greeting = Salut')
    await modules.postInit()
    const greet = hooks.resolve('hello', 'greet')
    console.log(greet.call('Ada'))
    console.log((await modules.control('hello status')).text.replaceAll('\\n', ' ').trim())
    await config.loadText('hello { times = 2 }')
    console.log(greet.call('Ada'))
    console.log((await modules.control('hello sing')).ok)
    console.log(await config.loadText('hello { times = 11 }').catch((error) => error.code))
    console.log(greet.call('Ada'))
    await config.loadText('')
    console.log(modules.loaded().length, JSON.stringify(greet.call('Ada')))
    await modules.close()
  `)
  expect(lines).toEqual([
    'hello for config.global.greeting',
    'Salut, Ada!',
    'greeting: Salut times: 1 asked: 1',
    'Hello, Ada! Hello, Ada!',
    'false',
    'ERR_CONFIG_VALUE',
    'Hello, Ada! Hello, Ada!',
    '0 ""',
  ])
})

it('finds the manifest of the example up to date (A-MO-8, MO-07)', () => {
  const { lines } = run(`
    import { generateEcm } from 'heddle'
    console.log((await generateEcm('modules/hello.ecm')).isChanged)
  `)
  expect(lines).toEqual(['false'])
})
