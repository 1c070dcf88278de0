/**
 * What RFC 9112 and 9110 say of one request head without a body, written as patterns from their ABNF. It shares
 * nothing with the parser it judges.
 *
 * accept: the head is valid, a server may not refuse it as malformed. must-refuse: the text says MUST answer 400.
 * may-refuse: invalid, or valid and left to the server.
 */
export type Verdict = 'accept' | 'may-refuse' | 'must-refuse'

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const PCHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
const REQUEST_LINE = new RegExp(`^(${TOKEN}) (/(?:${PCHAR}|/)*(?:\\?(?:${PCHAR}|[/?])*)?) HTTP/1\\.1$`)
const FIELD_LINE = new RegExp(`^(${TOKEN}):[ \\t]*([^\\x00-\\x08\\x0a-\\x1f\\x7f]*?)[ \\t]*$`)
const REG_NAME = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
const HOST = new RegExp(`^[ \\t]*${REG_NAME}(?::[0-9]*)?[ \\t]*$`)
/** A port without a host: valid as a field value, not in an http URI (RFC 9110 section 4.2.1). */
const ONLY_PORT = /^host:[ \t]*:/i
const METHODS = /^(?:GET|HEAD|DELETE|OPTIONS)$/
/** Fields that frame a body or change what the server does; a head with one is left to the table of cases. */
const MEANINGFUL = /^(?:content-length|transfer-encoding|expect|upgrade)$/i

function mustRefuse(lines: readonly string[]): boolean {
  // RFC 9112 section 5.1: whitespace between the name and the colon.
  if (lines.some((line) => new RegExp(`^${TOKEN}[ \\t]+:`).test(line))) return true
  const hosts = lines.flatMap((line) => /^host:(.*)$/is.exec(line)?.[1] ?? [])
  // RFC 9112 section 3.2: exactly one Host field, and valid.
  return hosts.length !== 1 || !HOST.test(hosts[0] as string)
}

export function judge(head: string): Verdict {
  if (!head.endsWith('\r\n\r\n')) return 'may-refuse'
  const [first, ...lines] = head.slice(0, -4).split('\r\n')
  const request = REQUEST_LINE.exec(first as string)
  const fields = lines.map((line) => FIELD_LINE.exec(line))
  if (request === null || fields.includes(null)) {
    // Where lines do not parse, names may be read in several ways: only what is certain is a MUST.
    return request !== null && lines.some((line) => new RegExp(`^${TOKEN}[ \\t]+:`).test(line))
      ? 'must-refuse'
      : 'may-refuse'
  }
  if (mustRefuse(lines)) return 'must-refuse'
  if (lines.some((line) => ONLY_PORT.test(line))) return 'may-refuse'
  if (fields.some((field) => MEANINGFUL.test(field?.[1] as string))) return 'may-refuse'
  return METHODS.test(request[1] as string) ? 'accept' : 'may-refuse'
}
