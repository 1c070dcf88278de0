/** Classes of bytes in the HTTP grammar (RFC 9110 section 5.6.2). */
export const CharClass = {
  /** What methods and field names are made of. */
  TOKEN: 1,
  /** What may stand in a field value: visible bytes, blanks, bytes above 127. */
  VALUE: 2,
} as const

const TOKENS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Class bits by byte. */
export const CHARS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const isValue = byte === 9 || (byte >= 32 && byte !== 127)
  return (TOKENS.includes(String.fromCharCode(byte)) ? CharClass.TOKEN : 0) | (isValue ? CharClass.VALUE : 0)
})

export const isToken = (byte: number): boolean => ((CHARS[byte] as number) & CharClass.TOKEN) !== 0
export const isValue = (byte: number): boolean => ((CHARS[byte] as number) & CharClass.VALUE) !== 0
export const isBlank = (byte: number): boolean => byte === 32 || byte === 9

/** `uri-host [ ":" port ]` (RFC 9110 section 7.2). */
const HOST = /^(?:\[[0-9A-Fa-f:.]{2,}\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/
const HOST_AND_PORT = /^(?:\[[0-9A-Fa-f:.]{2,}\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+):[0-9]+$/

export const isHost = (text: string): boolean => HOST.test(text)
export const isHostAndPort = (text: string): boolean => HOST_AND_PORT.test(text)
