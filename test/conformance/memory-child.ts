import { spawn } from 'node:child_process'
import { compileLibrary } from './eventer-compiled'
import { loadText } from './memory-harness'

/** How a child ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs programs in processes of their own, where what is process-wide, and death, disturb nobody. */
export class Children {
  readonly #library = compileLibrary()

  /**
   * Runs the body of an async function that has memory and the eventer as `heddle`, and `print` for one JSON document.
   * `LOAD` is the text of an expression that loads the same in a worker.
   */
  async run(body: string, env: NodeJS.ProcessEnv = {}, flags: readonly string[] = []): Promise<Ended> {
    const code = `
      const LOAD = ${JSON.stringify(loadText(this.#library.folder))}
      const heddle = eval(LOAD)
      const codeOf = (call) => { try { call() } catch (error) { return error.code } }
      const print = (value) => console.log(JSON.stringify(value))
      ;(async () => { ${body} })()`
    const child = spawn(process.execPath, [...flags, '-e', code], { env: { ...this.#library.env, ...env } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    return new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    })
  }

  dispose(): void {
    this.#library.dispose()
  }
}
