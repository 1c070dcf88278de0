/** Tells an account how much is held of something that is only counted now and then, by the difference. */
export class HeldAccount {
  readonly #tell: (blocks: number, bytes: number) => void
  #blocks = 0
  #bytes = 0

  constructor(tell: (blocks: number, bytes: number) => void) {
    this.#tell = tell
  }

  set(blocks: number, bytes: number): void {
    if (blocks === this.#blocks && bytes === this.#bytes) return
    this.#tell(blocks - this.#blocks, bytes - this.#bytes)
    this.#blocks = blocks
    this.#bytes = bytes
  }
}
