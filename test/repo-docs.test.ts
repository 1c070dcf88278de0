import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../lib/errors'
import { filesBelow, ROOT, read } from './repo-files'

const pages = ['README.md', 'CONTRIBUTING.md', ...filesBelow('docs', /\.md$/)]

/** Exported symbols of a module, with what stands behind re-exports. */
function exportsOf(path: string): { name: string; symbol: ts.Symbol; checker: ts.TypeChecker }[] {
  const file = join(ROOT, path)
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
  const program = ts.createProgram([file], options)
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile)
  return checker.getExportsOfModule(module as ts.Symbol).map((symbol) => ({
    name: symbol.name,
    symbol: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    checker,
  }))
}

function isDocumented(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim().length > 0
}

describe('errors', () => {
  const page = read('docs/reference/errors.md')
  const documented = [...page.matchAll(/^\| `(ERR_\w+)` \|/gm)].map((match) => match[1] as string)

  it('documents every code, and no other, in the order of the table', () => {
    expect(documented).toEqual(Object.keys(ERROR_CODES))
  })

  it('throws no code that is not in the table', () => {
    const unknown = filesBelow('lib', /\.ts$/).flatMap((path) =>
      [...read(path).matchAll(/['"`](ERR_[A-Z_]+)['"`]/g)]
        .map((match) => match[1] as string)
        .filter((code) => !(code in ERROR_CODES))
        .map((code) => `${path}: ${code}`),
    )
    expect(unknown).toEqual([])
  })
})

describe('public names', () => {
  const found = exportsOf('lib/index.ts')

  it('exports something', () => expect(found.length).toBeGreaterThan(10))

  it('documents every export (PK-05)', () => {
    const missing = found.filter(({ symbol, checker }) => !isDocumented(symbol, checker))
    expect(missing.map(({ name }) => name)).toEqual([])
  })

  it('offers the same names from heddle and from heddle/js (PK-02)', () => {
    const names = exportsOf('lib/js.ts').map(({ name }) => name)
    expect(names.sort()).toEqual(found.map(({ name }) => name).sort())
  })
})

describe('pages', () => {
  it.each(pages)('%s links to files that exist', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((match) => match[1] as string)
    const local = links.filter((link) => !/^[a-z]+:/.test(link))
    expect(local.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([])
  })
})
