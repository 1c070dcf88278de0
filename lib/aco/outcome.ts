/** What came of something: a promise that is made only when somebody asks for it. */
export class Outcome {
  #state: 'pending' | 'resolved' | 'rejected' = 'pending'
  /** The result or the error. */
  #value: unknown
  #promise: Promise<unknown> | undefined
  #settle: (() => void) | undefined

  get promise(): Promise<unknown> {
    this.#promise ??= new Promise((resolve, reject) => {
      this.#settle = () => {
        if (this.#state === 'resolved') resolve(this.#value)
        else if (this.#state === 'rejected') reject(this.#value)
      }
      this.#settle()
    })
    return this.#promise
  }

  resolve(value: unknown): void {
    this.#state = 'resolved'
    this.#value = value
    this.#settle?.()
  }

  /** True when somebody has asked. */
  reject(error: unknown): boolean {
    this.#state = 'rejected'
    this.#value = error
    this.#settle?.()
    return this.#promise !== undefined
  }
}
