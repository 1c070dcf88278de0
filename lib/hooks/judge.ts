/** Looked at after each provider: `ret` ends the call with a value. (HK-02) */
export type ReturnRule<R> = (returned: R, ret: (value: R) => void) => void

/** A value that may be undefined. */
export interface Given<R> {
  readonly value: R
}

/**
 * What the rule of a hook says of the results of a call. `ret` is one function a hook, which ends the call whose rule runs: the innermost,
 * where a rule calls its own hook. Compiled callers read and write the state as well.
 */
export class Judge<R> {
  /** 0: no rule runs. 1: it runs. 2: it has returned early. */
  state = 0
  readonly ret: (value: R) => void
  #result: R | undefined

  /** `late` makes the error of a return when no rule runs. */
  constructor(late: () => Error) {
    this.ret = (value) => {
      if (this.state === 0) throw late()
      if (this.state === 2) return
      this.state = 2
      this.#result = value
    }
  }

  /** The value that was returned early; from then on nothing has been said. */
  taken(): R {
    const result = this.#result as R
    this.#result = undefined
    this.state = 0
    return result
  }

  /** Asks the rule, in calls that need no compiled caller, and those that a rule makes. What it throws comes out. */
  decide(rule: ReturnRule<R>, last: R): Given<R> | undefined {
    const { state } = this
    const result = this.#result
    this.state = 1
    try {
      rule(last, this.ret)
      return this.#isReturned() ? { value: this.#result as R } : undefined
    } finally {
      this.state = state
      this.#result = result
    }
  }

  #isReturned(): boolean {
    return this.state === 2
  }
}
