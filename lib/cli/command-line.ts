import { globalParameters } from './global-parameters'
import { UsageError } from './usage-error'

/** `-D path=text`: an option of the configuration, said on the command line. (CX-20) */
export interface Define {
  readonly path: string
  readonly text: string
}

/** What a command was given. */
export interface CommandLine {
  /** In order; from the first word on nothing is taken for an option where the command is for a running process. */
  readonly words: readonly string[]
  readonly defines: readonly Define[]
  /** `--control`: the socket of the running process. */
  readonly control: string | undefined
  /** `--file`: the configuration that names that socket. */
  readonly file: string | undefined
  /** `--modules`: folders with manifests, beside those of the configuration. */
  readonly modules: readonly string[]
  /** `--local`: the local changes file. */
  readonly local: string | undefined
  /** `--local-only`: all changes go there. */
  readonly localOnly: boolean
  /** `--xml` */
  readonly xml: boolean
  /** `--help`, `-h` */
  readonly help: boolean
}

/** An option of the command line by its long name. */
export type OptionName = 'define' | 'control' | 'file' | 'modules' | 'local' | 'local-only' | 'xml'

const SHORT: Readonly<Record<string, string>> = { D: 'define', c: 'control', f: 'file', h: 'help' }
const WITHOUT_VALUE: readonly string[] = ['xml', 'help', 'local-only']

/**
 * Reads the words behind the name of a command. `wordsEnd`: from the first word on all are words (`config set A.b -1`), as
 * they are for the other side. UsageError.
 */
export function readCommandLine(
  command: string,
  argv: readonly string[],
  allowed: readonly OptionName[],
  wordsEnd = false,
): CommandLine {
  const words: string[] = []
  const found = new Map<string, string[]>()
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--' || (wordsEnd && !isOption(word))) {
      if (word !== '--') words.push(word)
      words.push(...rest.splice(0))
    } else if (isOption(word)) takeOption(command, word, rest, allowed, found)
    else words.push(word)
  }
  return {
    words,
    defines: (found.get('define') ?? []).map(readDefine),
    control: found.get('control')?.at(-1),
    file: found.get('file')?.at(-1),
    modules: found.get('modules') ?? [],
    local: found.get('local')?.at(-1),
    localOnly: found.has('local-only'),
    xml: found.has('xml'),
    help: found.has('help'),
  }
}

/** `path=text`; the path may hold names in quotation marks. UsageError. */
export function readDefine(given: string): Define {
  const at = /^(?:"[^"]*"|[^"=])*=/.exec(given)?.[0].length ?? 0
  const path = given.slice(0, at - 1).trim()
  if (at < 2 || path === '') throw new UsageError(`-D takes path=value, not '${given}'`)
  return { path, text: given.slice(at) }
}

function isOption(word: string): boolean {
  return word.length > 1 && word.startsWith('-')
}

function takeOption(
  command: string,
  word: string,
  rest: string[],
  allowed: readonly OptionName[],
  found: Map<string, string[]>,
): void {
  const [said, inline] = split(word)
  const parameter = allowed.includes('define') ? parameterOf(word, said) : undefined
  const name = parameter === undefined ? said : 'define'
  if (name !== 'help' && !(allowed as readonly string[]).includes(name))
    throw new UsageError(`heddle ${command} knows no option ${word.split('=', 1)[0]}`)
  const values = found.get(name) ?? []
  found.set(name, values)
  if (WITHOUT_VALUE.includes(name)) {
    if (inline !== undefined) throw new UsageError(`${word.split('=', 1)[0]} takes no value`)
    return
  }
  const value = inline ?? rest.shift()
  if (value === undefined || value === '') throw new UsageError(`${word} takes a value`)
  values.push(parameter === undefined ? value : `${parameter}=${value}`)
}

/** The option of the configuration that `--name` stands for. (CX-20) */
function parameterOf(word: string, name: string): string | undefined {
  if (!word.startsWith('--')) return undefined
  return globalParameters().find((parameter) => parameter.name === name)?.option
}

/** `--name=value`, `--name`, `-Xvalue`, `-X`. */
function split(word: string): [name: string, inline: string | undefined] {
  if (!word.startsWith('--')) {
    const name = SHORT[word.charAt(1)] ?? word.slice(1)
    return [name, word.length > 2 ? word.slice(2) : undefined]
  }
  const at = word.indexOf('=')
  return at < 0 ? [word.slice(2), undefined] : [word.slice(2, at), word.slice(at + 1)]
}
