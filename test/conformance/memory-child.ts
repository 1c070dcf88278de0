import { spawn } from 'node:child_process'
import { loadText } from './memory-harness'

/** How a child ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program in a process of its own, where what is process-wide, and death, disturb nobody: the body of an async
 * function that has memory and the eventer as `heddle`, and `print` for one JSON document. `LOAD` is the text of an
 * expression that loads the same in a worker.
 */
export async function runChild(
  body: string,
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): Promise<Ended> {
  const code = `
    const LOAD = ${JSON.stringify(loadText())}
    const heddle = eval(LOAD)
    const codeOf = (call) => { try { call() } catch (error) { return error.code } }
    const print = (value) => console.log(JSON.stringify(value))
    ;(async () => { ${body} })()`
  const child = spawn(process.execPath, [...flags, '-e', code], { env: { ...process.env, ...env } })
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
