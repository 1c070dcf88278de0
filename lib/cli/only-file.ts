import { resolve } from 'node:path'
import type { CommandLine } from './command-line'
import type { Terminal } from './terminal'
import { UsageError } from './usage-error'

/** The one configuration that the words name. UsageError. */
export function onlyFile(command: string, { words }: CommandLine, terminal: Terminal): string {
  const [file, more] = words
  if (file === undefined)
    throw new UsageError(`heddle ${command} takes a configuration: heddle ${command} app.conf`)
  if (more !== undefined)
    throw new UsageError(`heddle ${command} takes one configuration, not '${more}' as well`)
  return resolve(terminal.folder, file)
}
