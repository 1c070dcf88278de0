/**
 * How a reader gets hold of an image that the owner might take away at any moment, without a lock. Written as steps, each at
 * most one access to shared memory, so that a test can mix those of many isolates in any order; `run` takes them at once.
 *
 * The reader raises its count for the image, then looks whether that image is the current one still. The owner makes
 * another one current, then looks at the counts. All four accesses are sequentially consistent (Atomics), so there is one order of
 * all of them: if the reader's second look came before the owner's change, its count did too, and the owner sees it; otherwise
 * the reader sees the change, and undoes. That CURRENT was another word meanwhile and is the same again does not matter: the
 * image it names is current at the second look, and counted.
 */
import { CURRENT, IMAGES, imageOf, pinAt, READERS, readerAt, RELEASES } from './head'

/** Steps of one operation; a step ends at each `yield`. */
export type Steps<T> = Generator<void, T, void>

export function run<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value as T
  }
}

/** Counts the current image for a reader. Returns its index. */
export function* pinning(words: Int32Array, row: number): Steps<number> {
  for (;;) {
    const current = Atomics.load(words, CURRENT)
    yield
    const image = imageOf(current)
    Atomics.add(words, pinAt(row, image), 1)
    yield
    if (Atomics.load(words, CURRENT) === current) return image
    yield
    yield* unpinning(words, row, image)
  }
}

/** Gives one count back. Wakes the owner if the image is an old one, which may wait for just this. */
export function* unpinning(words: Int32Array, row: number, image: number): Steps<void> {
  Atomics.sub(words, pinAt(row, image), 1)
  yield
  if (imageOf(Atomics.load(words, CURRENT)) === image) return
  yield
  Atomics.add(words, RELEASES, 1)
  Atomics.notify(words, RELEASES)
}

/** Whether anybody reads an image. For the owner, of images that are not current: then false is for good. */
export function* reading(words: Int32Array, image: number, rows = READERS): Steps<boolean> {
  for (let row = 0; row < rows; row++) {
    if (Atomics.load(words, pinAt(row, image)) !== 0) return true
    yield
  }
  return false
}

/** A row for a thread, undefined if all are taken. `parent` is the reading thread that started it, 0 if there is none. */
export function claimRow(words: Int32Array, thread: number, parent: number): number | undefined {
  for (let row = 0; row < READERS; row++) {
    // A main thread is 0, and a free row too.
    if (Atomics.compareExchange(words, readerAt(row), 0, thread + 1) !== 0) continue
    Atomics.store(words, readerAt(row) + 1, parent)
    return row
  }
  return undefined
}

/** Gives up all that a row holds, and the row. By its reader, or by whoever knows that its thread has ended. */
export function clearRow(words: Int32Array, row: number): void {
  for (let image = 0; image < IMAGES; image++) Atomics.store(words, pinAt(row, image), 0)
  Atomics.store(words, readerAt(row), 0)
  Atomics.add(words, RELEASES, 1)
  Atomics.notify(words, RELEASES)
}

/** Clears the rows of a thread that has ended, and of those it had started, which ended with it. */
export function clearThread(words: Int32Array, thread: number): void {
  for (let row = 0; row < READERS; row++) {
    const owner = Atomics.load(words, readerAt(row))
    if (owner === 0) continue
    if (owner === thread + 1) clearRow(words, row)
    else if (Atomics.load(words, readerAt(row) + 1) === thread + 1) clearThread(words, owner - 1)
  }
}
