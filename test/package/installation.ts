import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { libc } from '../../lib/backend/platform'
import { ROOT } from '../repo-files'
import { temporaryFolder } from '../temporary-folder'

const PLATFORM = `${process.platform}-${process.arch}`

export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The package as a user gets it: packed, then installed into an empty project where no compiler can be found. */
export class Installation {
  readonly folder = temporaryFolder()
  /** Paths inside the tarball. */
  readonly files: readonly string[]
  readonly installed: Run
  readonly #bin = join(this.folder, 'bin')

  constructor() {
    this.#onlyNode()
    const tarball = this.#pack()
    this.files = tarball.files
    mkdirSync(this.project)
    writeFileSync(join(this.project, 'package.json'), '{ "name": "empty", "private": true }\n')
    this.installed = this.npm(['install', '--ignore-scripts', '--prefer-offline', tarball.path])
  }

  get project(): string {
    return join(this.folder, 'project')
  }

  get package(): string {
    return join(this.project, 'node_modules/heddle')
  }

  /** The bundled binary of this platform, with the C library's tag. */
  binary(tag: string = libc()): string {
    return join(this.package, 'prebuilds', PLATFORM, `heddle.${tag}.node`)
  }

  npm(args: readonly string[]): Run {
    return this.#run([npmCli(), ...args], {})
  }

  /** A file of the project. */
  write(name: string, text: string): void {
    writeFileSync(join(this.project, name), text)
  }

  /** Runs a program of the project: `name` decides how Node reads it. */
  node(name: string, text: string, env: NodeJS.ProcessEnv = {}): Run {
    this.write(name, text)
    return this.#run([name], env)
  }

  #run(args: readonly string[], env: NodeJS.ProcessEnv): Run {
    return spawnSync(process.execPath, args, {
      cwd: this.project,
      env: { HOME: process.env.HOME, PATH: this.#bin, ...env },
      encoding: 'utf8',
      timeout: 1_200_000,
    })
  }

  #onlyNode(): void {
    mkdirSync(this.#bin)
    symlinkSync(process.execPath, join(this.#bin, 'node'))
    symlinkSync('/bin/sh', join(this.#bin, 'sh'))
  }

  /** Packs a copy of the checkout that carries this platform's binary. */
  #pack(): { path: string; files: string[] } {
    const stage = join(this.folder, 'stage')
    const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    const files = listed.split('\n').filter((file) => file && existsSync(join(ROOT, file)))
    for (const file of [...files, 'dist']) cpSync(join(ROOT, file), join(stage, file), { recursive: true })
    const name = join('prebuilds', PLATFORM, `heddle.${libc()}.node`)
    const built = [join(ROOT, name), join(ROOT, 'build/Release/heddle.node')].find((path) => existsSync(path))
    if (!built) throw new Error('the package test needs a binary: run npm run build with a C++ compiler')
    cpSync(built, join(stage, name))
    const json = execFileSync(process.execPath, [npmCli(), 'pack', '--ignore-scripts', '--json'], {
      cwd: stage,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return readPack(stage, json)
  }
}

interface PackReport {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

function readPack(stage: string, json: string): { path: string; files: string[] } {
  const [report] = Object.values(JSON.parse(json) as Record<string, PackReport>)
  if (!report) throw new Error('npm pack reported nothing')
  return { path: join(stage, report.filename), files: report.files.map((file) => file.path) }
}

/** npm's own program, to be run by this very Node. */
function npmCli(): string {
  if (process.env.npm_execpath?.endsWith('.js')) return process.env.npm_execpath
  const folders = [dirname(process.execPath), ...(process.env.PATH ?? '').split(delimiter)]
  const npm = folders.map((folder) => join(folder, 'npm')).find((path) => existsSync(path))
  if (!npm) throw new Error('npm is not in PATH')
  return realpathSync(npm)
}
