import { parseArgs } from 'node:util'

/** Wrong command line: the message is for the user. */
export class UsageError extends Error {}

const DEFAULTS = { http: 8888, echo: 8889 }

/** `--http PORT --echo PORT`; 0 picks a free port. */
export function readPorts(argv) {
  const options = { http: { type: 'string' }, echo: { type: 'string' } }
  const { values } = parseStrictly(argv, options)
  return {
    http: values.http === undefined ? DEFAULTS.http : portOf('--http', values.http),
    echo: values.echo === undefined ? DEFAULTS.echo : portOf('--echo', values.echo),
  }
}

function parseStrictly(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: false })
  } catch (error) {
    throw new UsageError(error.message.split('\n', 1)[0])
  }
}

function portOf(name, text) {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65535) return port
  throw new UsageError(`${name} takes a port from 0 to 65535, not '${text}'`)
}
