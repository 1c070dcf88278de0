import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface CurlResult {
  /** curl's exit code; 0 for success, 52 for an empty reply, 56 for a reset, … */
  readonly code: number
  readonly body: Buffer
  readonly stderr: string
}

/** Seconds after which curl gives up, so that no test hangs. */
const MAX_SECONDS = '120'

/** Runs curl; `input` goes to its standard input. Never throws for an exit code. */
export async function curl(args: readonly string[], input?: Uint8Array): Promise<CurlResult> {
  const child = spawn('curl', ['-sS', '--max-time', MAX_SECONDS, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const body: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => body.push(chunk))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // curl may stop reading before it has everything.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, body: Buffer.concat(body), stderr }
}
