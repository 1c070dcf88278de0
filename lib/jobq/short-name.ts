const MAX_CHARACTERS = 13

/** The beginning of a name, as the names of threads have room for it, never half a character. (JQ-11) */
export function shortNameOf(name: string): string {
  let short = ''
  for (const character of name) {
    if (Buffer.byteLength(short + character) > MAX_CHARACTERS) break
    short += character
  }
  return short
}
