import { invalid } from '../arguments'
import type { Transaction } from './transaction'

/**
 * What takes part in each transaction of a Config, as modules do. Called in the order of registration, one after the
 * other, in the isolate of the Config. `load` comes before any value is read by its type, so that it can register
 * options; `prepare` after all values are valid, so that it can fetch them. Either fails the transaction by throwing;
 * then `abort` is called once, in the opposite order, of all whose `load` has been called. `commit` comes after the
 * swap. `destroy` comes when a generation has neither readers nor calls any more.
 *
 * What `load`, `prepare` and `abort` wait for must not be another commit of the same Config, which waits for this one: it is refused
 * with ERR_CONFIG_TRANSACTION.
 */
export interface ConfigParticipant {
  load?(txn: Transaction): Promise<void> | void
  prepare?(txn: Transaction): Promise<void> | void
  commit?(txn: Transaction): void
  abort?(txn: Transaction): Promise<void> | void
  destroy?(generation: number): Promise<void> | void
}

/** Those who take part, in the order of registration. */
export class Participants {
  /** Replaced, never changed. */
  #all: readonly ConfigParticipant[] = []

  /** Returns what takes it out again. ERR_INVALID_ARGUMENT: it takes part already. */
  add(participant: ConfigParticipant): () => void {
    if (this.#all.includes(participant)) throw invalid('a participant', 'takes part once', participant)
    this.#all = [...this.#all, participant]
    return () => {
      this.#all = this.#all.filter((one) => one !== participant)
    }
  }

  /** As they are now, for one commit: whoever comes meanwhile takes part in the next. */
  copy(): Participants {
    const copy = new Participants()
    copy.#all = this.#all
    return copy
  }

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  /** Calls each in turn; those that were called are noted in `called`, also the one that throws. */
  async load(txn: Transaction, called: ConfigParticipant[]): Promise<void> {
    for (const participant of this.#all) {
      called.push(participant)
      await participant.load?.(txn)
    }
  }

  async prepare(txn: Transaction): Promise<void> {
    for (const participant of this.#all) await participant.prepare?.(txn)
  }

  commit(txn: Transaction): void {
    for (const participant of this.#all) attempt(() => participant.commit?.(txn), 'commit')
  }

  async abort(txn: Transaction, called: readonly ConfigParticipant[]): Promise<void> {
    for (const participant of [...called].reverse()) {
      await attemptAsync(() => participant.abort?.(txn), 'abort')
    }
  }

  async destroy(generation: number): Promise<void> {
    for (const participant of this.#all)
      await attemptAsync(() => participant.destroy?.(generation), 'destroy')
  }
}

/** Past the point where a transaction can fail, what throws is told and nothing else is kept from its turn. */
export function attempt(call: () => unknown, what: string): void {
  try {
    call()
  } catch (error) {
    warnOf(error, what)
  }
}

async function attemptAsync(call: () => unknown, what: string): Promise<void> {
  try {
    await call()
  } catch (error) {
    warnOf(error, what)
  }
}

function warnOf(error: unknown, what: string): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(`${what} of the configuration failed: ${text}`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_CONFIG_CALLBACK',
  })
}
