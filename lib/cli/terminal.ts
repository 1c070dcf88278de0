import type { Readable, Writable } from 'node:stream'
import { visible } from './visible'

/** Where a command reads and writes; tests give others than those of the process. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: Writable & { readonly isTTY?: boolean }
  readonly errors: Writable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative names start here. */
  readonly folder: string
}

/** One line on the output, or several. */
export function say({ output }: Terminal, text: string): void {
  show(output, text)
}

/** Lines on the error output, the first with the name of the command before it. */
export function complain({ errors }: Terminal, text: string): void {
  show(errors, `heddle: ${text.replace(/\n+$/, '')}`)
}

/** Lines of others, on the error output as they are. */
export function list({ errors }: Terminal, text: string): void {
  show(errors, text)
}

/** Texts are those of other processes, of files and of arguments: each stream decides what of them it can be trusted with. */
function show(stream: Writable & { readonly isTTY?: boolean }, text: string): void {
  stream.write(visible(text.endsWith('\n') ? text : `${text}\n`, stream))
}
