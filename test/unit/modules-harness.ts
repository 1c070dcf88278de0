import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Config, Hooks, type InitFlags, type ModuleReports, Modules, type ModulesOptions } from '../../lib'
import { temporaryFolder } from '../temporary-folder'

/** A configuration, its hooks, its modules, and what they did. */
export interface Site {
  readonly folder: string
  readonly hooks: Hooks
  readonly config: Config
  readonly modules: Modules
  /** One line for each thing that a module says it did. */
  readonly log: string[]
  readonly failures: ModuleReports['failure'][]
  readonly reports: [string, unknown][]
}

/** `files` lie in the search path. Those that modules of files log into is `globalThis[site.folder]`. */
export function siteOf(
  files: Record<string, string> = {},
  options: Partial<Omit<ModulesOptions, 'config' | 'hooks'>> = {},
): Site {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) put(join(folder, name), text)
  const hooks = new Hooks({ phases: true, strictClosure: true })
  const config = new Config({ hooks })
  const log: string[] = []
  ;(globalThis as Record<string, unknown>)[folder] = log
  const modules = new Modules({ config, hooks, searchPath: folder, timeout: 20_000, ...options })
  const failures: ModuleReports['failure'][] = []
  const reports: [string, unknown][] = []
  modules.on('failure', (error) => failures.push(error))
  for (const event of ['implicit-load', 'kept', 'log'] as const)
    modules.on(event, (report) => reports.push([event, report]))
  return { folder, hooks, config, modules, log, failures, reports }
}

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** `init privileged`, `postinit`, … */
export function flagText({ mode, privileged }: InitFlags): string {
  return privileged ? `${mode} privileged` : mode
}

/** What it rejects with. */
export async function thrownBy(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (thrown instanceof Error) return thrown
  throw new Error('nothing was thrown')
}

/** A door that the test opens. */
export function gateOf(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
