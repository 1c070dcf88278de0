import { HeddleError } from '../errors'

/** A stanza, as messages name it. */
export interface Spot {
  /** `file:line: Type "name"`, for messages. */
  readonly place: string
  /** `file:line`. */
  readonly line: string
  /** `Type "name"`. */
  readonly path: string
}

export function spotOf(line: string, path: string): Spot {
  return { place: `${line}: ${path}`, line, path }
}

/**
 * The same failure, with the place of the configuration that led to it before the first line of its message. The code stays,
 * what was thrown is the cause. It may be anything: nothing of it is trusted.
 */
export function placed(place: string, thrown: unknown): HeddleError {
  const message = described(thrown).split('\n', 1)[0] as string
  const text = place === '' || message.startsWith(place) ? message : `${place}: ${message}`
  return new HeddleError(codeOf(thrown), text, { cause: thrown })
}

/** What comes of the work; its failure says where the configuration asked for it. */
export async function at<T>(place: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw placed(place, error)
  }
}

/** What was thrown, in words. Never throws. */
export function described(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message) || thrown.name
    return String(thrown)
  } catch {
    return 'something was thrown that cannot be shown'
  }
}

function codeOf(thrown: unknown): string {
  try {
    const { code } = thrown as { readonly code?: unknown }
    if (typeof code === 'string') return code
  } catch {
    // It has none that could be read.
  }
  return 'ERR_APP'
}
