import { resolve } from 'node:path'
import type { AppOptions } from '../app'
import type { CommandLine } from './command-line'
import type { Terminal } from './terminal'
import { UsageError } from './usage-error'

/** What an application is started from: the one configuration that the words name, and the options. UsageError. */
export function appOptions(command: string, line: CommandLine, { folder }: Terminal): AppOptions {
  const [file, more] = line.words
  if (file === undefined)
    throw new UsageError(`heddle ${command} takes a configuration: heddle ${command} app.conf`)
  if (more !== undefined)
    throw new UsageError(`heddle ${command} takes one configuration, not '${more}' as well`)
  if (line.localOnly && line.local === undefined) throw new UsageError('--local-only needs --local FILE')
  return {
    file: resolve(folder, file),
    defines: line.defines,
    modules: line.modules.map((name) => resolve(folder, name)),
    ...(line.local !== undefined && { localChangesFile: resolve(folder, line.local) }),
    localChangesOnly: line.localOnly,
  }
}
