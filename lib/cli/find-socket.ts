import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { controlPathOf } from '../app'
import type { CommandLine } from './command-line'
import type { Terminal } from './terminal'
import { UsageError } from './usage-error'

const USUAL_FILE = 'heddle.conf'

/**
 * The control socket that a command line means: `--control`, that of the configuration `--file`, HEDDLE_CONTROL, or that of
 * heddle.conf in this folder. UsageError; an error of the configuration.
 */
export async function findSocket({ control, file }: CommandLine, terminal: Terminal): Promise<string> {
  if (control !== undefined) return resolve(terminal.folder, control)
  if (file !== undefined) return fromFile(resolve(terminal.folder, file))
  const { HEDDLE_CONTROL } = terminal.env
  if (HEDDLE_CONTROL) return resolve(terminal.folder, HEDDLE_CONTROL)
  const usual = resolve(terminal.folder, USUAL_FILE)
  if (existsSync(usual)) return fromFile(usual)
  throw new UsageError('which process? Say --control SOCKET or --file FILE')
}

async function fromFile(file: string): Promise<string> {
  const socket = await controlPathOf(file)
  if (socket !== undefined) return socket
  throw new UsageError(`${file} opens no control socket: it has no stanza Control { }`)
}
