/**
 * How a reader gets hold of an image that the owner might take away at any moment, without a lock. Written as steps, each at
 * most one access to shared memory, so that a test can mix those of many isolates in any order, and end any of them between
 * two; `run` takes them at once.
 *
 * The reader raises its count for the image, then looks whether that image is the current one still. The owner makes
 * another one current, then looks at the counts. All four accesses are sequentially consistent (Atomics), so there is one order of
 * all of them: if the reader's second look came before the owner's change, its count did too, and the owner sees it; otherwise
 * the reader sees the change, and undoes. That CURRENT was another word meanwhile and is the same again does not matter: the
 * image it names is current at the second look, and counted.
 */
import { CLOSED_WORD, CURRENT, IMAGES, imageOf, pinAt, READERS, RELEASES } from './head'

/** Steps of one operation; a step ends at each `yield`. */
export type Steps<T> = Generator<void, T, void>

export function run<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value as T
  }
}

/** Counts the current image for a reader. Returns its index, undefined if the Config is closed. */
export function* pinning(words: Int32Array, row: number): Steps<number | undefined> {
  for (;;) {
    const current = Atomics.load(words, CURRENT)
    if (current === CLOSED_WORD) return undefined
    yield
    const image = imageOf(current)
    Atomics.add(words, pinAt(row, image), 1)
    yield
    if (Atomics.load(words, CURRENT) === current) return image
    yield
    yield* unpinning(words, row, image)
  }
}

/** Gives counts back. Wakes the owner if the image is an old one, which may wait for just this. */
export function* unpinning(words: Int32Array, row: number, image: number, count = 1): Steps<void> {
  Atomics.sub(words, pinAt(row, image), count)
  yield
  if (imageOf(Atomics.load(words, CURRENT)) === image) return
  yield
  callOwner(words)
}

/** Whether anybody reads an image. For the owner, of images that are not current: then false is for good. */
export function* reading(words: Int32Array, image: number, rows = READERS): Steps<boolean> {
  for (let row = 0; row < rows; row++) {
    if (Atomics.load(words, pinAt(row, image)) !== 0) return true
    yield
  }
  return false
}

/** Gives up all that a row holds. For the owner, of an isolate that has ended: nobody else counts in it. */
export function* dropping(words: Int32Array, row: number): Steps<void> {
  for (let image = 0; image < IMAGES; image++) {
    if (Atomics.load(words, pinAt(row, image)) === 0) continue
    Atomics.store(words, pinAt(row, image), 0)
    yield
  }
}

export function callOwner(words: Int32Array): void {
  Atomics.add(words, RELEASES, 1)
  Atomics.notify(words, RELEASES)
}
