import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import ts from 'typescript'

const ROOT = resolve(__dirname, '../..')

/**
 * Worker threads load plain JavaScript, so the sources under test are translated, types unchecked, to a folder of
 * their own. The addon stays where it is.
 */
export function compileLibrary(): { folder: string; env: NodeJS.ProcessEnv; dispose: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-lib-'))
  for (const entry of readdirSync(join(ROOT, 'lib'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const source = join(entry.parentPath, entry.name)
    const target = join(folder, source.slice(join(ROOT, 'lib').length)).replace(/\.ts$/, '.js')
    const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
    })
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  const addon = join(ROOT, 'build/Release/heddle.node')
  const env = { ...process.env }
  if (env.HEDDLE_NATIVE === undefined && existsSync(addon)) env.HEDDLE_NATIVE = addon
  return { folder, env, dispose: () => rmSync(folder, { recursive: true, force: true }) }
}
