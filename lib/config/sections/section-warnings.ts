import type { SectionLease } from './section'

/** Releases what nobody can release any more. */
const forgotten = new FinalizationRegistry<{ readonly lease: SectionLease; readonly path: string }>(
  ({ lease, path }) => {
    if (lease.isReleased) return
    const what = `a ${lease.mode} section of ${path}`
    warn('HEDDLE_SECTION_LOST', `${what} was forgotten; it is released now, and changes under it are dropped`)
    lease.abandon()
  },
)

/** Looks after a lock that only `keeper` can give back. The lease must not lead to the keeper. */
export function guard(keeper: object, lease: SectionLease, path: string): void {
  forgotten.register(keeper, { lease, path })
}

/** A commit has failed that nobody waits for. */
export function warnOfCommit(path: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  warn('HEDDLE_SECTION_COMMIT', `what was changed under the section ${path} is dropped: ${reason}`)
}

/** A thread has ended that held sections. */
export function warnOfThread(thread: string, reads: number, writes: number): void {
  warn(
    'HEDDLE_SECTION_LOST',
    `${thread} has ended with ${reads} read and ${writes} write sections; they are released, and its changes are dropped`,
  )
}

function warn(code: string, text: string): void {
  process.emitWarning(text, { type: 'HeddleWarning', code })
}
