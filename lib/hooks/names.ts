import { invalid } from '../arguments'

const WORD = /^[A-Za-z0-9_]+$/

/** Scope and name of a hook are words: script functions and configuration files spell them. ERR_INVALID_ARGUMENT. */
export function checkWord(what: string, word: unknown): asserts word is string {
  if (typeof word !== 'string' || !WORD.test(word))
    throw invalid(what, 'is a word of letters, digits and underscores', word)
}
