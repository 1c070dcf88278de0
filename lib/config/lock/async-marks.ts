/**
 * Marks that follow the asynchronous work of an isolate: what runs under a mark, and all that it starts, has it.
 *
 * `AsyncLocalStorage` would do, but for one thing: a function cannot give its caller's continuation a context that the
 * caller's caller does not get as well, since both are taken up in one run of code. So this has a hook of its own, which
 * does what that storage does in Node 20, and besides marks what waits for a certain promise: the flow behind
 * `await section`, and nobody else. Everything that a program awaits costs about as much more as with one storage, while
 * the hook is on. One an isolate; each mark names whom it is for. (CX-06)
 */
import { createHook, executionAsyncResource } from 'node:async_hooks'

/** Something that is known of asynchronous work. Marks of several that are for different ones are a list. */
export interface AsyncMark {
  /** Whom it is for. */
  readonly of: object
  /** It says nothing any more, and may be left out. */
  readonly isOver: boolean
  readonly outer: AsyncMark | undefined
  /** The same mark in front of another list. */
  before(outer: AsyncMark | undefined): AsyncMark
}

const MARK = Symbol('heddle.mark')
type Marked = { [MARK]?: AsyncMark | undefined }

/** What is marked by the promise that it waits for: marks by the numbers of promises. */
const handed = new Map<number, AsyncMark>()
/** The number of the promise that was made last. */
let newest = 0
/** Who needs the hook. */
let users = 0

const hook = createHook({
  init(id, type, trigger, resource: Marked) {
    newest = id
    const inherited = (executionAsyncResource() as Marked)[MARK]
    const given = type === 'PROMISE' ? handed.get(trigger) : undefined
    const mark = given ? inFront(given, inherited) : inherited
    if (mark) resource[MARK] = mark
  },
})

/** Marks go on being inherited until `disuse`. What was marked before has kept its mark. */
export function use(): void {
  if (users++ === 0) hook.enable()
}

export function disuse(): void {
  if (--users === 0) hook.disable()
}

/** The mark of the running code. */
export function markOf(of: object): AsyncMark | undefined {
  let mark = (executionAsyncResource() as Marked)[MARK]
  while (mark && mark.of !== of) mark = mark.outer
  return mark
}

/** Runs a function, and what it starts, under a mark. */
export function runMarked<R>(mark: AsyncMark, body: () => R): R {
  const resource = executionAsyncResource() as Marked
  const before = resource[MARK]
  resource[MARK] = inFront(mark, before)
  try {
    return body()
  } finally {
    resource[MARK] = before
  }
}

/**
 * Marks what runs now until its next await, and all that follows. False outside of what runs behind an await: other
 * resources, a timer or a socket, run again and again, and for others.
 */
export function markContinuation(mark: AsyncMark): boolean {
  const resource = executionAsyncResource() as Marked
  if (!(resource instanceof Promise)) return false
  resource[MARK] = inFront(mark, resource[MARK])
  return true
}

/**
 * A promise of the same; what waits for it directly is marked. To be undone with the number, which is 0 where promises are
 * not told to hooks.
 */
export function markWaiting<T>(mark: AsyncMark, promise: Promise<T>): { waited: Promise<T>; id: number } {
  let id = 0
  newest = 0
  const waited = new Promise<T>((resolve, reject) => {
    id = newest
    promise.then(resolve, reject)
  })
  if (id !== 0) handed.set(id, mark)
  return { waited, id }
}

export function unmarkWaiting(id: number): void {
  handed.delete(id)
}

/** In front of those for others that still say something. */
function inFront(mark: AsyncMark, list: AsyncMark | undefined): AsyncMark {
  return mark.before(without(list, mark.of))
}

function without(list: AsyncMark | undefined, of: object): AsyncMark | undefined {
  if (!list) return undefined
  const outer = without(list.outer, of)
  if (list.isOver || list.of === of) return outer
  return outer === list.outer ? list : list.before(outer)
}
