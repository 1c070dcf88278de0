/** What came of something: a promise that is made only when somebody asks for it. */
export class Outcome {
  #promise: Promise<unknown> | undefined
  #resolve: ((value: unknown) => void) | undefined
  #reject: ((error: unknown) => void) | undefined
  #settled: (() => Promise<unknown>) | undefined

  get promise(): Promise<unknown> {
    this.#promise ??= this.#settled?.() ?? this.#pending()
    return this.#promise
  }

  resolve(value: unknown): void {
    this.#settled = () => Promise.resolve(value)
    this.#resolve?.(value)
  }

  /** True when somebody has asked. */
  reject(error: unknown): boolean {
    this.#settled = () => Promise.reject(error)
    this.#reject?.(error)
    return this.#promise !== undefined
  }

  #pending(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }
}
