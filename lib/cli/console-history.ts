import { appendFileSync, chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Lines that are kept; twice as many may be in the file. */
const KEPT = 500
const MODE = 0o600

/**
 * The lines of the consoles of a user, in a file that is his alone: HEDDLE_HISTORY, else `.heddle_history` in his home; empty or
 * without a home, none. Lines that begin with a blank are not kept. What cannot be read or written is left: a console works
 * without.
 */
export class ConsoleHistory {
  readonly #file: string | undefined

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const { HEDDLE_HISTORY, HOME } = env
    this.#file = HEDDLE_HISTORY ?? (HOME ? join(HOME, '.heddle_history') : undefined)
  }

  /** The newest first, as `readline` wants them. */
  load(): string[] {
    const lines = this.#attempt((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean)) ?? []
    const kept = lines.slice(-KEPT)
    if (lines.length > 2 * KEPT) this.#attempt((file) => replace(file, `${kept.join('\n')}\n`))
    return kept.reverse()
  }

  add(line: string): void {
    if (line === '' || line.startsWith(' ')) return
    this.#attempt((file) => {
      appendFileSync(file, '', { mode: MODE })
      // One that was there may be open to others: what is typed may hold a token.
      chmodSync(file, MODE)
      appendFileSync(file, `${line}\n`)
    })
  }

  #attempt<T>(use: (file: string) => T): T | undefined {
    if (!this.#file) return undefined
    try {
      return use(this.#file)
    } catch {
      return undefined
    }
  }
}

/** Whole or not at all, also where the console ends meanwhile. */
function replace(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, text, { mode: MODE })
  renameSync(temporary, file)
}
