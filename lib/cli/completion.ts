/** The fixed words of a command, up to the first that stands for something: `config show` of `config show [path]`. */
export type Usage = readonly string[]

/** The usages of what `help` answers: one a line, what it does behind two blanks. */
export function usagesOf(help: string): Usage[] {
  return help
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => fixedWords((line.split(/ {2,}/, 1)[0] as string).split(' ')))
}

/** What may stand in the place of the last word of a line, and that word: the form that `readline` wants. */
export function completionsOf(usages: readonly Usage[], line: string): [string[], string] {
  const words = line.trimStart().toLowerCase().split(/\s+/)
  const last = words.pop() ?? ''
  if (words[0] === 'xml') words.shift()
  const found = usages
    .filter((usage) => words.every((word, at) => usage[at] === word))
    .map((usage) => usage[words.length])
    .filter((next) => next?.startsWith(last))
  return [[...new Set(found)].sort().map((word) => `${word} `), line.slice(line.length - last.length)]
}

function fixedWords(words: readonly string[]): Usage {
  const end = words.findIndex((word) => /^[<[]/.test(word))
  return end < 0 ? words : words.slice(0, end)
}
