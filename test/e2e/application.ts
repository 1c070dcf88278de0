import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ROOT } from '../repo-files'
import { socketFolder } from '../temporary-folder'
import { Program } from './program'

const programs: Program[] = []

export const COMMAND = join(ROOT, 'dist/cli/bin.js')

/** A folder with a configuration and what it names; `heddle` can be imported there. */
export function folderWith(files: Readonly<Record<string, string>>, folder = socketFolder()): string {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/heddle'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** The `heddle` command as a process of its own. */
export function heddle(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const program = new Program([COMMAND, ...args], env)
  programs.push(program)
  return program
}

/** Runs the command to its end. */
export async function heddleResult(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const program = heddle(args, env)
  const code = await program.exit()
  return { code, stdout: program.stdout, stderr: program.stderr }
}

/** Ends what tests have left running. */
export async function stopPrograms(): Promise<void> {
  for (const program of programs.splice(0)) await program.stop()
}

/** A `heddle run` that serves. */
export class Application {
  readonly folder: string
  readonly #backend: string
  #program: Program
  readonly file: string

  private constructor(folder: string, backend: string, program: Program) {
    this.folder = folder
    this.#backend = backend
    this.#program = program
    this.file = join(folder, 'app.conf')
  }

  /** Writes the files, of which one is app.conf, and starts it; resolves when all of it serves. */
  static async start(
    backend: string,
    files: Readonly<Record<string, string>>,
    args: readonly string[] = [],
  ): Promise<Application> {
    return Application.in(folderWith(files), backend, {}, args)
  }

  /** The same in a folder that is there, with files that are written before. */
  static async in(
    folder: string,
    backend: string,
    files: Readonly<Record<string, string>>,
    args: readonly string[] = [],
  ): Promise<Application> {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    return new Application(folder, backend, await serving(folder, backend, args))
  }

  get program(): Program {
    return this.#program
  }

  /** Ends it, and starts it again on the same files. */
  async restart(): Promise<void> {
    this.program.signal('SIGTERM')
    expect(await this.program.exit()).toBe(0)
    this.#program = await serving(this.folder, this.#backend, [])
  }

  /** http://host:port of a listener. */
  origin(name: string): string {
    const found = new RegExp(`^ +${name} +(http://\\S+)/$`, 'm').exec(this.program.stdout)
    return found?.[1] as string
  }

  /** TCP port of a listener. */
  port(name: string): number {
    return Number(new RegExp(`^ +${name} +\\S*:(\\d+)/?$`, 'm').exec(this.program.stdout)?.[1])
  }

  /** Whole at once: the process may be reading it. */
  write(name: string, text: string): void {
    const path = join(this.folder, name)
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }

  /** SIGHUP; resolves when that generation is there. */
  async reload(generation: number): Promise<void> {
    this.program.signal('SIGHUP')
    await this.program.output(new RegExp(`SIGHUP: generation ${generation}$`, 'm'))
  }

  /** A command for the console of this process. */
  ask(...words: string[]): Promise<{ code: number | string; stdout: string; stderr: string }> {
    const [name = '', ...rest] = words
    return heddleResult([name, '--file', this.file, ...rest])
  }
}

async function serving(folder: string, backend: string, args: readonly string[]): Promise<Program> {
  const program = heddle(['run', join(folder, 'app.conf'), ...args], { HEDDLE_BACKEND: backend })
  await program.output(/^Ctrl-C/m)
  return program
}
