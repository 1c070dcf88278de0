import { onePerPort, type Port } from '../backend/port'
import { In } from '../backend/protocol'

const INDEX_MASK = 0xffffff

/** Who hears the answers about a descriptor. */
export interface Asker {
  readonly handle: number
  /** FD_DATA: bytes in the receive slab, 0 at the end, or a negative errno. */
  answered(slab: Buffer, offset: number, length: number): void
  /** FD_READY. */
  ready(mask: number): void
}

/** Finds whom an answer about a descriptor is for; those about a handle that has moved on are dropped. */
export class AskDriver {
  readonly port: Port
  readonly #askers: (Asker | undefined)[] = []

  static readonly of = onePerPort((port) => new AskDriver(port))

  private constructor(port: Port) {
    this.port = port
    const { inbox } = port
    port.handle(In.FD_DATA, (at) => {
      const asker = this.#find(inbox[at + 1] as number)
      asker?.answered(port.recv, inbox[at + 2] as number, inbox[at + 3] as number)
    })
    port.handle(In.FD_READY, (at) => this.#find(inbox[at + 1] as number)?.ready(inbox[at + 2] as number))
  }

  add(asker: Asker): void {
    const askers = this.#askers
    const index = asker.handle & INDEX_MASK
    // Filled up rather than left with holes, so that the array stays a packed one.
    while (askers.length <= index) askers.push(undefined)
    askers[index] = asker
  }

  delete(asker: Asker): void {
    this.#askers[asker.handle & INDEX_MASK] = undefined
  }

  #find(handle: number): Asker | undefined {
    const asker = this.#askers[handle & INDEX_MASK]
    return asker !== undefined && asker.handle === handle ? asker : undefined
  }
}
