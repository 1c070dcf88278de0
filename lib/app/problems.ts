import { HeddleError } from '../errors'
import { described } from './place'

/** Several things that are wrong at once. Code and message are those of the first. */
export class Problems extends HeddleError {
  readonly all: readonly Error[]

  constructor(all: readonly HeddleError[]) {
    const [first] = all
    super(first?.code ?? 'ERR_APP', first?.message, { cause: first })
    this.all = all
  }
}

/** Each thing that is wrong as a text: those of an error that has several, as errors of configurations have, or the one. */
export function problemsOf(error: unknown): string[] {
  const all = (error instanceof HeddleError ? (error as { all?: unknown }).all : undefined) ?? [error]
  return (all as readonly unknown[]).map(described)
}
