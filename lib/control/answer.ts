import { HeddleError } from '../errors'
import type { ControlResponse } from './response'
import { xmlElement, xmlText } from './xml'

/** What a command came to. */
export interface CommandResult {
  /** Whether it did what it was told to. */
  readonly ok: boolean
  /** What it answers: text, or an XML document. */
  readonly text: string
}

/** The answer of a command that is over. `failure` is what it threw, in an array of one. */
export function answerOf(
  command: string,
  response: ControlResponse,
  failure: readonly unknown[] | undefined,
): CommandResult {
  const ok = failure === undefined && !response.failed
  const error = failure === undefined ? undefined : describe(failure[0])
  // Of an answer that grew too large nothing is worth sending but that.
  const body = error?.isTooLarge ? '' : response.toString()
  return { ok, text: response.xml ? document(command, ok, body, error) : plain(body, error) }
}

interface Described {
  readonly code: string | undefined
  readonly message: string
  /** The answer has passed its limit. */
  readonly isTooLarge: boolean
}

const NO_TEXT: Described = {
  code: undefined,
  message: 'the command threw what has no text',
  isTooLarge: false,
}

/** Whatever was thrown: also what throws when it is looked at, be it for its prototype. */
function describe(thrown: unknown): Described {
  try {
    if (!(thrown instanceof Error)) return { ...NO_TEXT, message: String(thrown) }
    const { code, message } = thrown as { code?: unknown; message: unknown }
    const isTooLarge = code === 'EMSGSIZE' && thrown instanceof HeddleError
    return { code: typeof code === 'string' ? code : undefined, message: String(message), isTooLarge }
  } catch {
    return NO_TEXT
  }
}

function plain(body: string, error: Described | undefined): string {
  if (error === undefined) return body
  const { code, message } = error
  const text = code === undefined || message.includes(code) ? message : `${message} (${code})`
  return `${body}${body === '' || body.endsWith('\n') ? '' : '\n'}${text}\n`
}

function document(command: string, ok: boolean, body: string, error: Described | undefined): string {
  const failed = error === undefined ? '' : xmlElement('error', { code: error.code }, xmlText(error.message))
  const inner = xmlElement('command', {}, xmlText(command)) + xmlElement('result', { ok }, body + failed)
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xmlElement('response', {}, inner)}\n`
}
