/**
 * Text of others as a terminal may have it: what would be a command to the terminal is written out, `^[` for an escape. Into a file
 * or a pipe it goes as it is.
 */
export function visible(text: string, { isTTY }: { readonly isTTY?: boolean }): string {
  return isTTY === true ? text.replace(CONTROL, spelled) : text
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function spelled(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 32) return `^${String.fromCharCode(code + 64)}`
  return code === 127 ? '^?' : `\\x${code.toString(16)}`
}
