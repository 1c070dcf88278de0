import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { beforeAll, expect, it } from 'vitest'
import { filesBelow, ROOT, read } from '../repo-files'
import { temporaryFolder } from '../temporary-folder'

const STRICT: ts.CompilerOptions = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  // The declarations of the package are checked as well.
  skipLibCheck: false,
  target: ts.ScriptTarget.ES2023,
  types: ['node'],
  // As on a server: no DOM.
  lib: ['lib.es2023.d.ts'],
}

/** How programs that use the package are set up. */
const CONSUMERS: Record<string, ts.CompilerOptions> = {
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
}

/** Every complete program of the pages. JavaScript is checked as TypeScript: the names and arguments must fit. */
function samples(): { name: string; text: string }[] {
  return ['README.md', ...filesBelow('docs', /\.md$/)].flatMap((page) =>
    [...read(page).matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)]
      .map((match) => match[1] as string)
      .filter((text) => /^import /m.test(text))
      .map((text, index) => ({ name: `${page.replace(/\W/g, '-')}-${index}.mts`, text })),
  )
}

/** What else a program may do, and what it may not. */
const PROGRAMS = {
  'js.mts': `import { createServer, type HttpServer } from 'heddle/js'
    export const server: HttpServer = createServer()`,
  'requiring.cts': `import heddle = require('heddle')
    const { createServer }: typeof heddle = heddle
    export const server: heddle.HttpServer = createServer((req, res) => void res.end(req.path))`,
  'wrong.mts': `import { listen } from 'heddle'
    await listen({ port: 'http' })`,
}

let folder: string

beforeAll(() => {
  folder = temporaryFolder()
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules/heddle'))
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'))
})

/** What tsc says about these files, each complaint with the name of its file. */
function complaints(files: { name: string; text: string }[], options: ts.CompilerOptions): string[] {
  const paths = files.map(({ name, text }) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  })
  const typeRoots = [join(folder, 'node_modules/@types')]
  const program = ts.createProgram(paths, { ...STRICT, ...options, typeRoots })
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    )
}

// One compilation each, because the types of Node take seconds to check.
it.each(Object.entries(CONSUMERS))(
  'every sample of the pages, require and heddle/js compile strictly with %s (PK-02, PK-05, A-PK-4)',
  { timeout: 600_000 },
  (name, options) => {
    const pages = samples()
    expect(pages.length).toBeGreaterThan(8)
    const programs = Object.entries(PROGRAMS)
      .filter(([file]) => name !== 'bundler' || !file.endsWith('.cts'))
      .map(([file, text]) => ({ name: file, text }))
    expect(complaints([...pages, ...programs], options)).toEqual([
      expect.stringMatching(/wrong\.mts: Type 'string' is not assignable to type 'number'/),
    ])
  },
)
