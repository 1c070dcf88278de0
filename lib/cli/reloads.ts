import type { App } from '../app'

/**
 * Reloads that signals ask for: one at a time, and of those asked for meanwhile one more, since it reads what all of them
 * meant. What is asked for before the application serves waits for that. Of the main thread.
 */
export class Reloads {
  readonly #reload: (app: App) => Promise<void>
  #app: App | undefined
  #isWanted = false
  #isRunning = false

  /** `reload` never rejects. */
  constructor(reload: (app: App) => Promise<void>) {
    this.#reload = reload
  }

  ask(): void {
    this.#isWanted = true
    if (!this.#isRunning) void this.#run()
  }

  /** From here on it serves. */
  serve(app: App): void {
    this.#app = app
    if (this.#isWanted) void this.#run()
  }

  async #run(): Promise<void> {
    const app = this.#app
    if (app === undefined) return
    this.#isRunning = true
    while (this.#isWanted && !app.isStopping) {
      this.#isWanted = false
      await this.#reload(app)
    }
    this.#isRunning = false
  }
}
