import { printText } from '../config/syntax/print'

/** Of `config …`: what follows is a path, as one would write it. */
const OF_PATHS: readonly string[] = ['get', 'show', 'showrecurse', 'set', 'unset', 'remove']

/**
 * The line for the other side that means what the words of the shell mean: each stays one word there, however many blanks it has.
 * Paths stay as they are, since blanks and quotation marks are of them.
 */
export function remoteLine(name: string, words: readonly string[]): string {
  const [what = '', ...rest] = words
  if (name !== 'config' || !OF_PATHS.includes(what.toLowerCase()))
    return [name, ...words.map(quoted)].join(' ')
  if (what.toLowerCase() !== 'set') return [name, ...words].join(' ')
  return `${name} set ${assignment(rest)}`
}

/** `PATH VALUE` and `PATH = VALUE`: the value is one, as that of `-D` is. More words are what would stand in a file. */
function assignment(words: readonly string[]): string {
  const [path = '', ...rest] = words
  const [value, ...more] = rest[0] === '=' ? rest.slice(1) : rest
  if (value === undefined || more.length > 0) return words.join(' ')
  return `${path} = ${/^\s*[[("]/.test(value) ? value : printText(value)}`
}

function quoted(word: string): string {
  return /^[^\s"']+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`
}
