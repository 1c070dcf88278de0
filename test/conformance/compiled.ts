import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { compiledFile } from '../../lib/backend/platform'

/**
 * The sources under test as plain JavaScript, which worker threads and child processes load: brought up to date before
 * the suite starts (test/compile-first.ts).
 */
export const DIST = compiledFile('.')

/** Runs a body in a worker thread, with compiled modules under their names and `data` what was given. */
export async function inWorkerOf(
  modules: Readonly<Record<string, string>>,
  body: string,
  data: unknown,
): Promise<unknown> {
  const loads = Object.entries(modules).map(
    ([name, path]) => `const ${name} = require(${JSON.stringify(join(DIST, path))})`,
  )
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    ${loads.join('\n')}
    const codeOf = (call) => { try { call() } catch (error) { return error.code } }
    const main = async (data) => { ${body} }
    main(workerData).then((value) => parentPort.postMessage({ value }), (error) => { throw error })`
  const worker = new Worker(code, { eval: true, workerData: data })
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
