import type { Command } from './command'
import type { OptionName } from './command-line'
import { globalParameters } from './global-parameters'

const OPTIONS: Readonly<Record<OptionName, readonly [usage: string, text: string]>> = {
  define: [
    '-D PATH=VALUE',
    'sets an option over what the file says, as often as you like: -D HTTP_Listener:web.port=8080',
  ],
  control: [
    '-c, --control SOCKET',
    'the console of the process: a path, or [HOST]:PORT with the token in HEDDLE_TOKEN',
  ],
  file: [
    '-f, --file FILE',
    'the configuration that names it, if --control does not (else HEDDLE_CONTROL, else heddle.conf)',
  ],
  modules: ['--modules FOLDER', 'looks for manifests there as well'],
  'local-only': ['--local-only', 'all changes that are written go there'],
  local: ['--local FILE', 'read after all other files; takes changes that have no other place'],
  xml: ['--xml', 'the answer as XML'],
}

/** All commands, one a line. */
export function helpOnAll(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `usage: heddle COMMAND [OPTION…] [WORD…]\n\n${rows.join('\n')}\n\nheddle help COMMAND says more.\n`
}

/** One command and its options. */
export function helpOnOne({ name, usage, summary, details, options, wordsEnd }: Command): string {
  const rows = options.flatMap(rowsOf)
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  const parts = [
    `usage: heddle ${name} ${wordsEnd ? '[OPTION…] ' : ''}${usage}`.trimEnd(),
    `${summary}${details === undefined ? '' : `\n${details}`}`,
    rows.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`).join('\n'),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

type Row = readonly [usage: string, text: string]

/** Options of the top of the configuration stand with the one that sets any. (CX-20) */
function rowsOf(name: OptionName): readonly Row[] {
  const row = OPTIONS[name]
  if (name !== 'define') return [row]
  const named = globalParameters().map(({ name, option, fallback }): Row => {
    const otherwise = fallback === undefined ? '' : `, else ${fallback}`
    return [`--${name} VALUE`, `the same for ${option} (else what the file says${otherwise})`]
  })
  return [row, ...named]
}
