import { Control } from '../protocol'

/** Carries out one record that starts at word `at`. */
export type Command = (words: Int32Array, at: number) => void

/**
 * The records JavaScript wrote, and the answer to how the engine learns of one that is written outside of a
 * dispatch.
 *
 * The port appends by advancing a cell of `control`, which nobody is told of. But when its ring is full it
 * calls `Engine.flush`. So while the engine rests it keeps the cell at *full*: the first record or byte that
 * anybody wants to append calls `flush`, which sets the cell to empty and thereby knows that something is
 * about to come. It then applies it on the next tick of Node, after the code that is running and its promise
 * jobs, which is before the isolate sleeps; and rests again. Inside a dispatch the cell starts at 0, since
 * the end of the dispatch applies it.
 */
export class Outbox {
  readonly #words: Int32Array
  readonly #control: Int32Array
  readonly #commands: (Command | undefined)[] = []
  #isResting = false

  constructor(words: Int32Array, control: Int32Array) {
    this.#words = words
    this.#control = control
  }

  on(kind: number, command: Command): void {
    this.#commands[kind] = command
  }

  /** Carries out what was written and leaves the ring empty. */
  apply(): void {
    const control = this.#control
    const end = this.#isResting ? 0 : (control[Control.OUT_WORDS] as number)
    this.#isResting = false
    for (let at = 0; at < end; ) {
      const head = this.#words[at] as number
      this.#commands[head & 0xff]?.(this.#words, at)
      at += Math.max(1, head >>> 8)
    }
    control[Control.OUT_WORDS] = 0
    control[Control.SEND_BYTES] = 0
    if (end > 0) control[Control.APPLIED] = (control[Control.APPLIED] as number) + 1
  }

  /** From now on the first append calls `Engine.flush`. The ring must be empty. */
  rest(): void {
    this.#isResting = true
    this.#control[Control.OUT_WORDS] = this.#words.length
  }
}
