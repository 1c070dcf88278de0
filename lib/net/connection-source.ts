import type { Port } from '../backend/port'
import { Out } from '../backend/protocol'
import type { Source } from '../io/reader'

/** The backend reads connections by itself, unless it is told to stop. */
export class ConnectionSource implements Source {
  readonly #port: Port
  readonly #handle: number

  constructor(port: Port, handle: number) {
    this.#port = port
    this.#handle = handle
  }

  want(): void {}

  pause(): void {
    this.#port.push1(Out.PAUSE, this.#handle)
  }

  resume(): void {
    this.#port.push1(Out.RESUME, this.#handle)
  }
}
