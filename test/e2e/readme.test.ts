import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'
import { compileModule } from '../native-module'
import { ROOT, read } from '../repo-files'
import { temporaryFolder } from '../temporary-folder'
import { Application, stopPrograms } from './application'
import { Program } from './program'

/** Programs of a page: fenced blocks whose first line names their file. Fixed ports become free ones. */
function snippets(page: string): { name: string; text: string }[] {
  return [...read(page).matchAll(/```js\n(\/\/ (\S+)\n[\s\S]*?)```/g)].map((match) => ({
    name: match[2] as string,
    text: (match[1] as string).replace(/port: 8080/g, 'port: 0'),
  }))
}

/** The TypeScript blocks of a page, compiled: each is whole and must at least load and run to its end. */
function references(page: string): string[] {
  const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext }
  return [...read(page).matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => {
    const text = (match[1] as string).replace(/port: (8080|7000|7001)/g, 'port: 0')
    return ts.transpileModule(text, { compilerOptions: options }).outputText
  })
}

/**
 * A program with the native modules that it loads compiled: from the C block of its page that registers the name, or from
 * the example of that name.
 */
function withModules(page: string, text: string): string {
  return text.replace(/'\.\/(\w+)\.so'/g, (_, name: string) => JSON.stringify(moduleOf(page, name)))
}

function moduleOf(page: string, name: string): string {
  const blocks = [...read(page).matchAll(/```c\n([\s\S]*?)```/g)].map((match) => match[1] as string)
  const block = blocks.find((text) => text.includes(`register_procedure("${name}"`))
  if (block === undefined) return compileModule(`examples/native/${name}.c`)
  const source = join(folder, `${name}.c`)
  writeFileSync(source, block)
  return compileModule(source)
}

const EXPECTED: Record<string, { serves?: string; says?: RegExp }> = {
  'server.mjs': { serves: 'Hello from /loom\n' },
  'routes.mjs': { serves: '{"id":"7"}' },
  'echo.mjs': { says: /^over and under\n$/ },
  'events.mjs': { says: /^3 ticks\n$/ },
  'coroutine.mjs': { says: /^slept, then got an id of 36\n$/ },
  'jobs.mjs': { says: /^sums 3 7 11\n$/ },
  'pools.mjs': { says: /^Hello from one of several threads\n\n$/ },
  'shared.mjs': { says: /^2000 visits\n$/ },
}

let folder: string

beforeAll(() => {
  folder = temporaryFolder()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/heddle'))
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'))
})

/** In a folder of its own: programs make what they name, and may run in several checkouts at once. */
async function runSnippet(
  name: string,
  text: string,
  use: (program: Program) => Promise<void>,
): Promise<void> {
  const path = join(folder, name)
  writeFileSync(path, text)
  const program = new Program([path], { TMPDIR: folder }, { cwd: folder })
  try {
    await use(program)
  } finally {
    await program.stop()
  }
}

describe('programs of the README (PK-05)', () => {
  const all = snippets('README.md')
  const found = all.filter(({ name }) => name !== 'handlers.mjs')

  it('are all known here', () => {
    expect(found.map(({ name }) => name).sort()).toEqual(Object.keys(EXPECTED).sort())
  })

  it('serve what the configuration says with the handlers beside it', async () => {
    const [, conf = ''] = /```\n(# app\.conf\n[\s\S]*?)```/.exec(read('README.md')) ?? []
    const handlers = all.find(({ name }) => name === 'handlers.mjs')?.text ?? ''
    try {
      const app = await Application.start('native', {
        'app.conf': conf.replace('Port = 8080', 'Port = 0'),
        'handlers.mjs': handlers,
      })
      const answer = await fetch(`${app.origin('web')}/hello/you`)
      expect(await answer.text()).toBe('Hello, you\n')
    } finally {
      await stopPrograms()
    }
  })

  it.each(found)('$name does what the text says', async ({ name, text }) => {
    const { serves, says } = EXPECTED[name] ?? {}
    await runSnippet(name, text, async (program) => {
      if (says) {
        expect(await program.exit(), program.stderr).toBe(0)
        expect(program.stdout).toMatch(says)
        return
      }
      const url = (await program.output(/http:\/\/\S+(?=\n)/))[0]
      const answer = await fetch(name === 'server.mjs' ? `${url}loom` : url)
      expect(await answer.text()).toBe(serves)
    })
  })

  it('answer within forty lines of the start of the page', () => {
    const lines = read('README.md').split('\n')
    expect(lines.findIndex((line) => line.startsWith('import '))).toBeLessThan(40)
  })
})

describe('programs of the reference', () => {
  const pages = [
    'eventer',
    'aco',
    'net',
    'http',
    'shared',
    'jobq',
    'jobs',
    'pools',
    'app',
    'errors',
    'config-syntax',
    'console',
    'hooks',
  ].flatMap((page) =>
    references(`docs/reference/${page}.md`).map((text, index) => ({
      name: `${page}-${index}.mjs`,
      page: `docs/reference/${page}.md`,
      text,
    })),
  )

  it.each(pages)('$name runs', async ({ name, page, text }) => {
    await runSnippet(
      name,
      `${withModules(page, text)}\nconsole.log('reached the end')\n`,
      async (program) => {
        await program.output(/reached the end/)
        expect(program.stderr).toBe('')
      },
    )
  })
})
