import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
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
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext },
    })
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  const addon = join(ROOT, 'build/Release/heddle.node')
  const env = { ...process.env }
  if (env.HEDDLE_NATIVE === undefined && existsSync(addon)) env.HEDDLE_NATIVE = addon
  return { folder, env, dispose: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Runs a body in a worker thread, with compiled modules under their names and `data` what was given. */
export async function inWorkerOf(
  library: ReturnType<typeof compileLibrary>,
  modules: Readonly<Record<string, string>>,
  body: string,
  data: unknown,
): Promise<unknown> {
  const loads = Object.entries(modules).map(
    ([name, path]) => `const ${name} = require(${JSON.stringify(join(library.folder, path))})`,
  )
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    ${loads.join('\n')}
    const codeOf = (call) => { try { call() } catch (error) { return error.code } }
    const main = async (data) => { ${body} }
    main(workerData).then((value) => parentPort.postMessage({ value }), (error) => { throw error })`
  const worker = new Worker(code, { eval: true, workerData: data, env: library.env })
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', ({ value }) => resolve(value))
      worker.on('error', reject)
      worker.on('exit', (exit) => reject(new Error(`the worker ended with ${exit} and no answer`)))
    })
  } finally {
    await worker.terminate()
  }
}
