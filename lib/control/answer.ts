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
  // Of an answer that grew too large nothing is worth sending but that.
  const body = isTooLarge(failure) ? '' : response.toString()
  const error = failure === undefined ? undefined : describe(failure[0])
  return { ok, text: response.xml ? document(command, ok, body, error) : plain(body, error) }
}

interface Described {
  readonly code: string | undefined
  readonly message: string
}

/** Whatever was thrown: also what throws when it is looked at. */
function describe(thrown: unknown): Described {
  try {
    if (!(thrown instanceof Error)) return { code: undefined, message: String(thrown) }
    const { code } = thrown as { code?: unknown }
    return { code: typeof code === 'string' ? code : undefined, message: String(thrown.message) }
  } catch {
    return { code: undefined, message: 'the command threw what has no text' }
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

function isTooLarge(failure: readonly unknown[] | undefined): boolean {
  const thrown = failure?.[0]
  return thrown instanceof HeddleError && thrown.code === 'EMSGSIZE'
}
