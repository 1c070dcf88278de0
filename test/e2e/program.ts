import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { ROOT } from '../repo-files'

/** A program of the package, run as a child; its output is collected and can be waited for. */
export class Program {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  stdout = ''
  stderr = ''

  /**
   * `descriptors`: the limit of open descriptors the program runs under. `input`: it has a standard input. `cwd`: where it
   * runs, if not in the repository.
   */
  constructor(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    limits: { readonly descriptors?: number; readonly input?: boolean; readonly cwd?: string } = {},
  ) {
    const command = commandUnder(limits.descriptors, args)
    const child = spawn(command[0] as string, command.slice(1), {
      cwd: limits.cwd ?? ROOT,
      env: { ...process.env, ...env },
      stdio: [limits.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // 'close' comes after the last output, 'exit' may not.
    this.#exited = once(child, 'close')
    this.#child = child
  }

  /** The match of `pattern` in the output so far and to come; fails when the program ends without it. */
  output(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#match(pattern, () => this.stdout, this.#child.stdout)
  }

  /** The same of the error output. */
  complaint(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#match(pattern, () => this.stderr, this.#child.stderr)
  }

  async #match(pattern: RegExp, text: () => string, stream: unknown): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(text())
      if (match) return match
      const ended = await Promise.race([this.#exited.then(() => true), once(stream as never, 'data')])
      if (ended !== true) continue
      const last = pattern.exec(text())
      if (last) return last
      throw new Error(`the program ended without ${pattern}\n${this.stdout}${this.stderr}`)
    }
  }

  write(input: string): void {
    this.#child.stdin?.write(input)
  }

  endInput(): void {
    this.#child.stdin?.end()
  }

  /** Nobody reads its error output from now on: writing there is EPIPE. */
  closeErrors(): void {
    this.#child.stderr?.destroy()
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Exit code, or the signal that ended it. */
  async exit(): Promise<number | string> {
    const [code, signal] = (await this.#exited) as [number | null, string | null]
    return code ?? signal ?? 'unknown'
  }

  /** Ends what is still running. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#exited
  }
}

function commandUnder(descriptors: number | undefined, args: readonly string[]): string[] {
  if (descriptors === undefined) return [process.execPath, ...args]
  return ['sh', '-c', `ulimit -n ${descriptors} && exec "$0" "$@"`, process.execPath, ...args]
}
