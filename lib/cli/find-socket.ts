import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { controlOf } from '../app'
import { described } from '../app/place'
import type { ControlEndpoint } from '../console'
import type { CommandLine } from './command-line'
import { complain, type Terminal } from './terminal'
import { UsageError } from './usage-error'

const USUAL_FILE = 'heddle.conf'

const LOCAL_PORT = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])?:(\d{1,5})$/

/**
 * The console that a command line means: `--control`, that of the configuration `--file`, HEDDLE_CONTROL, or that of
 * heddle.conf in this folder. Its token is HEDDLE_TOKEN, or that of the configuration: on a command line everybody would see it.
 * UsageError; an error of the configuration.
 */
export async function findSocket(line: CommandLine, terminal: Terminal): Promise<ControlEndpoint> {
  const endpoint = await find(line, terminal)
  const { HEDDLE_TOKEN: token } = terminal.env
  return token && endpoint.port !== undefined ? { ...endpoint, token } : endpoint
}

async function find({ control, file }: CommandLine, terminal: Terminal): Promise<ControlEndpoint> {
  const { folder } = terminal
  const { HEDDLE_CONTROL } = terminal.env
  if (control !== undefined) return named(control, folder)
  if (file !== undefined) return fromFile(resolve(folder, file), terminal)
  if (HEDDLE_CONTROL) return named(HEDDLE_CONTROL, folder)
  const usual = resolve(folder, USUAL_FILE)
  if (existsSync(usual)) return fromFile(usual, terminal)
  throw new UsageError('which process? Say --control SOCKET or --file FILE, before the words of the command')
}

/** A path, or `HOST:PORT` of this machine. */
function named(text: string, folder: string): ControlEndpoint {
  const [, host, port] = LOCAL_PORT.exec(text) ?? []
  if (port === undefined) return { path: resolve(folder, text) }
  if (Number(port) > 65_535) throw new UsageError(`there is no port ${port}`)
  return { port: Number(port), ...(host !== undefined && { host }) }
}

async function fromFile(file: string, terminal: Terminal): Promise<ControlEndpoint> {
  const { endpoint, broken } = await controlOf(file)
  if (endpoint === undefined) throw new UsageError(`${file} opens no console: it has no stanza Control { }`)
  if (endpoint.port === 0)
    throw new UsageError(`${file} leaves the port of its console to the system: say --control :PORT`)
  if (broken !== undefined) {
    const [problem] = described(broken).split('\n', 1)
    complain(terminal, `${problem}; asking ${endpoint.path ?? `:${endpoint.port}`} all the same`)
  }
  return endpoint
}
