/** Which characters mean what, as bits of a table over ASCII: the parser asks for each character of a file. */

/** White space, also the end of a line. */
export const BLANK = 1
/** Part of a name: letters, digits, `_` and `-`. */
export const NAME = 2
/** Part of a value that is written without quotation marks. */
export const WORD = 4

const MARKS = '#/"\'={}[](),'
const TABLE = new Uint8Array(128)
for (let code = 0; code < 128; code++) TABLE[code] = classOfAscii(String.fromCharCode(code))

/** Blanks that look like blanks but are none, and marks that nobody can see. */
const INVISIBLE = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/u

/** The bits of the character at an offset; 0 at the end of the text. */
export function classAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 128) return TABLE[code] as number
  return code >= 128 && isVisible(text, at) ? WORD : 0
}

/** How a character is called in a message. */
export function shownAt(text: string, at: number): string {
  if (at >= text.length) return 'the end of the file'
  const character = String.fromCodePoint(text.codePointAt(at) as number)
  if (character === '\n' || character === '\r') return 'the end of the line'
  const visible = character === ' ' || (!INVISIBLE.test(character) && isWellFormed(character))
  if (visible) return character === '"' ? `'"'` : `"${character}"`
  const code = character.codePointAt(0) as number
  return `the invisible character U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** True where a text can stand as a value without quotation marks. */
export function isWord(text: string): boolean {
  if (text === '' || !isWellFormed(text)) return false
  for (let at = 0; at < text.length; at++) if ((classAt(text, at) & WORD) === 0) return false
  return true
}

/** True where a text can stand as the name of a stanza or setting. */
export function isName(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text)
}

/** False where half a surrogate pair stands alone: such a text has no UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

function classOfAscii(character: string): number {
  if (/[ \t\r\n\f\v]/.test(character)) return BLANK
  const name = isName(character) ? NAME : 0
  return character > ' ' && character < '\x7f' && !MARKS.includes(character) ? WORD | name : 0
}

/** The second half of a pair belongs to the first, which was looked at. */
function isVisible(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code >= 0xdc00 && code <= 0xdfff) return true
  return !INVISIBLE.test(String.fromCodePoint(text.codePointAt(at) as number))
}
