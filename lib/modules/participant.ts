/**
 * What modules need of the configuration, and what the configuration calls in return: the seam to lib/config, whose
 * types fit these. All calls come one after the other, in the isolate that owns the configuration.
 *
 * A commit runs: `load` (code is loaded, `confSetup` registers options: before any value is read by its type, since the
 * types are not known earlier) → values are parsed and validated → `prepare` (`extInit`, which fetches the pending
 * values) → the swap → `commit`. Where any step fails, `abort` is called once, also if `load` was the one. `destroy`
 * follows when the last reader and the last call of a generation are gone.
 */
export interface ConfigParticipant<T> {
  load(txn: T): Promise<void>
  prepare(txn: T): Promise<void>
  commit(txn: T): void
  abort(txn: T): Promise<void>
  destroy(generation: number): Promise<void>
}
