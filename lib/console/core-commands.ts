import * as os from 'node:os'
import type { Config } from '../config'
import type { CommandFunction, CommandOptions, Control, ControlResponse, ControlRow } from '../control'
import { Eventer, RemoteLoop } from '../eventer'
import type { Hooks } from '../hooks'
import { controlJobq } from '../jobq'
import { memtypes } from '../memory'
import { ThreadPools } from '../threadpool'
import { version } from '../version'
import { ConfigCommands } from './config-commands'

/** What the commands of the core need. */
export interface CoreCommandOptions {
  /** Ends the program, once the answer is on its way; without it there is no command `shutdown`. */
  readonly onShutdown?: () => void | Promise<void>
  /** For `config …`. */
  readonly config?: Config
  /** For `module list` and `module manifests`. */
  readonly modules?: ModuleLister
  /** For `hooks`. */
  readonly hooks?: Pick<Hooks, 'list'>
}

/** What is asked of modules. `Modules` is one. */
export interface ModuleLister {
  loaded(): readonly {
    readonly id: string
    readonly singleton: boolean
    readonly generation: number
    readonly startedWithSystem: boolean
    readonly isKept: boolean
    readonly file: string
    readonly description: string
  }[]
  manifests(): readonly {
    readonly file: string
    readonly sections: readonly { readonly name: string; readonly line: number }[]
    readonly errors: readonly Error[]
  }[]
}

/**
 * Registers help, version, pid, uptime, sysinfo, threads, memory and jobq, and for what is given config, module, hooks and
 * shutdown: each for the life of the process and replaceable. (CN-03, CN-04)
 */
export function registerCoreCommands(control: Control, options: CoreCommandOptions = {}): void {
  const { onShutdown, config, modules, hooks } = options
  const add = (name: string, help: CommandOptions['help'], run: CommandFunction): void =>
    control.register(name, run, { help: help ?? '' })
  add('help', { '': 'lists the commands', '<command>': 'lists how one is written' }, (response, { rest }) =>
    help(control, response, rest.toLowerCase()),
  )
  const addBare = (name: string, help: string, run: (response: ControlResponse) => void): void =>
    add(name, help, (response, { rest }) => {
      if (rest === '') run(response)
      else response.fail(`${name} takes no words\n`)
    })
  addBare('version', 'shows what is installed and what it runs on', (response) => {
    response.fields(versions())
  })
  addBare('pid', 'shows the id of the process', (response) => {
    response.fields({ pid: process.pid })
  })
  addBare('uptime', 'shows how long the process has been running', (response) => {
    response.fields(uptime())
  })
  addBare('sysinfo', 'shows the machine, and what the process uses of it', (response) => {
    response.fields(system())
  })
  addBare('threads', 'lists loops and thread pools', threads)
  add(
    'memory',
    { '': 'lists memtypes', '<type>': 'shows one, or those of a module' },
    (response, { words }) => memory(response, words),
  )
  add('jobq', { '': 'lists job queues', [JOBQ]: 'shows or changes one' }, (response, { words }) =>
    jobq(response, words),
  )
  if (config !== undefined) new ConfigCommands(config).register(control)
  if (modules !== undefined)
    add('module', MODULE_HELP, (response, { words }) => listModules(response, modules, words))
  if (hooks !== undefined)
    add('hooks', HOOKS_HELP, (response, { words }) => listHooks(response, hooks, words))
  if (onShutdown === undefined) return
  addBare('shutdown', 'ends the process when what is open has been served', (response) => {
    response.push('shutting down\n')
    // Not before the answer has been handed to whoever waits for it.
    setImmediate(() => void onShutdown())
  })
}

const MODULE_HELP = {
  list: 'lists the modules that are loaded',
  manifests: 'lists the modules there are, and what is wrong with manifests',
}
const HOOKS_HELP = { '': 'lists hooks and their providers', '<scope>': 'lists those of a scope' }
const JOBQ = '<queue> [min|max|floor|concurrency|mode|ping|post] [value]'

/** Lines `usage  what it does`; a client completes from them. */
function help(control: Control, response: ControlResponse, name: string): void {
  const lines = control.commands().filter(({ usage }) => name === '' || `${usage} `.startsWith(`${name} `))
  if (lines.length === 0) {
    response.fail(`no command begins with '${name}'\n`)
    return
  }
  if (response.xml) {
    response.table(
      'usage',
      lines.map(({ usage, does }) => ({ text: usage, does })),
    )
    return
  }
  const width = Math.max(...lines.map(({ usage }) => usage.length))
  for (const { usage, does } of lines) response.push(`${usage.padEnd(width)}  ${does}`.trimEnd(), '\n')
}

function versions(): ControlRow {
  const { package: heddle, native, napi, features } = version()
  const backend = native === undefined ? 'js' : 'native'
  return { heddle, backend, node: process.version, napi, features: features.join(' ') }
}

function uptime(): ControlRow {
  const seconds = Math.floor(process.uptime())
  const started = new Date(performance.timeOrigin).toISOString()
  return { started, seconds, uptime: spelled(seconds) }
}

function spelled(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count], at) => count > 0 || at === parts.length - 1)
  return parts
    .slice(first)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

function system(): ControlRow {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return {
    host: os.hostname(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    processors: os.availableParallelism(),
    load: os
      .loadavg()
      .map((value) => value.toFixed(2))
      .join(' '),
    memory: os.totalmem(),
    free: os.freemem(),
    resident: rss,
    heap: heapTotal,
    heapUsed,
    external,
    userSeconds: (user / 1e6).toFixed(3),
    systemSeconds: (system / 1e6).toFixed(3),
  }
}

function listModules(response: ControlResponse, modules: ModuleLister, words: readonly string[]): void {
  const [what = 'list', ...more] = words
  if (more.length > 0 || (what !== 'list' && what !== 'manifests')) {
    response.fail('module takes the word list or manifests; commands of a module begin with its name\n')
    return
  }
  if (what === 'manifests') {
    listManifests(response, modules)
    return
  }
  response.table(
    'module',
    modules.loaded().map(({ id, singleton, generation, startedWithSystem, isKept, file, description }) => ({
      module: id,
      kind: singleton ? 'singleton' : 'generation',
      generation,
      startedWithSystem,
      kept: isKept,
      file,
      description,
    })),
  )
}

function listManifests(response: ControlResponse, modules: ModuleLister): void {
  const manifests = modules.manifests()
  const found = manifests.flatMap(({ file, sections }) =>
    sections.map(({ name, line }) => ({ module: name, manifest: `${file}:${line}` })),
  )
  response.table('manifest', found)
  const errors = manifests.flatMap((manifest) => manifest.errors.map(({ message }) => ({ message })))
  if (errors.length > 0) response.table('error', errors)
}

function listHooks(response: ControlResponse, hooks: Pick<Hooks, 'list'>, [scope]: readonly string[]): void {
  const found = hooks.list().filter((hook) => scope === undefined || hook.scope === scope)
  if (found.length === 0 && scope !== undefined) {
    response.fail(`no hook is of a scope '${scope}'\n`)
    return
  }
  response.table(
    'hook',
    found.map(({ scope, name, kind, owner, providers }) => ({
      hook: `${scope}.${name}`,
      kind,
      owner: owner ?? '',
      providers: providers
        .map(({ name, module }) => (module === undefined ? name : `${module}:${name}`))
        .join(' '),
    })),
  )
}

/** Of an isolate without an eventer: none. */
function threads(response: ControlResponse): void {
  const eventer = Eventer.find()
  if (eventer === undefined) {
    response.push('no eventer\n')
    return
  }
  const loops = eventer.pools.flatMap((pool) =>
    pool.threads.map((loop) => ({
      name: loop.name,
      kind: pool.kind,
      thread: loop.threadId,
      running: loop instanceof RemoteLoop ? loop.loopId !== 0 : loop.isRunning,
    })),
  )
  const pools = ThreadPools.of(eventer)
    .stats()
    .map(({ name, kind, concurrency, threads, active, queued, total }) => ({
      name,
      kind,
      concurrency,
      threads,
      active,
      queued,
      total,
    }))
  response.table('loop', loops)
  if (!response.xml) response.push('\n')
  response.table('pool', pools)
}

function memory(response: ControlResponse, [filter, ...more]: readonly string[]): void {
  if (more.length > 0) {
    response.fail('memory takes one memtype, or the name of a module\n')
    return
  }
  if (!response.xml) {
    response.push(memtypes.formatReport(filter))
    return
  }
  const rows = memtypes.report(filter)
  response.fields({ allocator: memtypes.engine })
  response.table(
    'memtype',
    rows.map(({ type, kind, size, live, peak, total, bytes, peakBytes, mappedBytes }) => ({
      type,
      kind,
      size,
      live,
      peak,
      total,
      bytes,
      peakBytes,
      mappedBytes,
    })),
  )
}

async function jobq(response: ControlResponse, words: readonly string[]): Promise<void> {
  const eventer = Eventer.find()
  if (eventer === undefined) {
    response.push('no eventer\n')
    return
  }
  const text = await controlJobq(eventer.jobqs, words)
  if (text.startsWith('error: ')) response.fail(`${text.slice(7)}\n`)
  else response.push(`${text}\n`)
}
