import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run bench -- NAME [options]
  --json            one JSON document on stdout instead of tables
  --quick           three short rounds: a first impression, not a claim
  --rounds N        rounds of every case (5; 3 with --quick)
  --seconds S       load of one measurement (3; 1 with --quick)
  --case X          only the cases whose name contains X
  --only A,B        only these contestants`

const positive = (text, option, fallback) => {
  const value = text === undefined ? fallback : Number(text)
  if (!(value > 0)) throw new Error(`--${option} must be a positive number, not ${text}`)
  return value
}

/** What the command line asks for. Throws an Error with one line of advice when it cannot be understood. */
export function readOptions(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      case: { type: 'string', default: '' },
      only: { type: 'string' },
    },
  })
  if (positionals.length > 1) throw new Error(`one bench at a time, not ${positionals.join(' ')}`)
  return {
    name: positionals[0],
    json: values.json,
    quick: values.quick,
    rounds: Math.round(positive(values.rounds, 'rounds', values.quick ? 3 : 5)),
    seconds: positive(values.seconds, 'seconds', values.quick ? 1 : 3),
    caseFilter: values.case,
    only: values.only?.split(','),
  }
}
