import type { Readable, Writable } from 'node:stream'

/** Where a command reads and writes; tests give others than those of the process. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: Writable & { readonly isTTY?: boolean }
  readonly errors: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative names start here. */
  readonly folder: string
}

/** One line on the output. */
export function say(terminal: Terminal, text: string): void {
  terminal.output.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** Lines on the error output, the first with the name of the command before it. */
export function complain(terminal: Terminal, text: string): void {
  terminal.errors.write(`heddle: ${text.replace(/\n+$/, '')}\n`)
}
