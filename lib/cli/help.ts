import type { Command } from './command'
import type { OptionName } from './command-line'

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
export function helpOnOne({ name, usage, summary, details, options }: Command): string {
  const rows = options.map((option) => OPTIONS[option])
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  const parts = [
    `usage: heddle ${name} ${usage}`.trimEnd(),
    `${summary}${details === undefined ? '' : `\n${details}`}`,
    rows.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`).join('\n'),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}
