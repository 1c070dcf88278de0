/**
 * One reader's share in the life of a generation. Given back once: by `release`, or, if the object it guards is
 * collected without, by the collector, with a warning. Of one isolate.
 */
export class Hold {
  readonly #what: string
  #giveBack: (() => void) | undefined
  readonly #isOver: () => boolean

  /** `isOver` says whether it was given back already, with all that its reader held. */
  constructor(what: string, giveBack: () => void, isOver = () => false) {
    this.#what = what
    this.#giveBack = giveBack
    this.#isOver = isOver
  }

  /** Idempotent. */
  release(): void {
    const giveBack = this.#giveBack
    if (giveBack === undefined) return
    this.#giveBack = undefined
    FORGOTTEN.unregister(this)
    giveBack()
  }

  /** Gives back when `owner` is collected. The hold must not lead to the owner. */
  guard(owner: WeakKey): void {
    FORGOTTEN.register(owner, this, this)
  }

  /** @internal */
  forgotten(): void {
    if (this.#giveBack === undefined || this.#isOver()) return
    process.emitWarning(`${this.#what} was not released; it is now, since nobody can reach it`, {
      type: 'HeddleWarning',
      code: 'HEDDLE_CONFIG_NOT_RELEASED',
    })
    this.release()
  }
}

/** One an isolate: it keeps nothing alive but holds. */
const FORGOTTEN = new FinalizationRegistry<Hold>((hold) => hold.forgotten())
