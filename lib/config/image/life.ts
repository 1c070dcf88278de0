/**
 * Signs of life: how the owner learns that an isolate has ended, however it did, whoever started it and whatever those
 * between them know of Heddle.
 *
 * An isolate that reads has a row, and waits (`Atomics.waitAsync`) for each of the row's SIGNS words for as long as it lives.
 * A wait belongs to its isolate: the engine takes it away with it, after the last instruction of its program. So the owner wakes a word
 * and is told how many were waiting. None: the isolate is gone, nothing of it writes any more, and what it held is given back.
 *
 * A word is 1 only while somebody waits for it: the reader sets it after it has begun to wait, and the owner, which alone wakes,
 * resets it before it does. Both accesses are sequentially consistent, as everything here is: who sees the 1 finds the wait. A
 * reader that was woken waits again as soon as its loop turns; until then this word says nothing. One that does not turn, because it
 * computes, uses up one word each time it is asked; since the owner waits twice as long each time, SIGNS of them last for
 * decades.
 *
 * A row is taken in two steps, so that one who dies in the middle has not yet counted anything in it: see `claiming`. Only the owner frees
 * rows, and only of the dead: an isolate keeps its row until it ends.
 */
import { READERS, readerAt, SIGNS, signAt } from './head'
import { callOwner, dropping, type Steps } from './pins'

/** Begins to wait for a word that is 0. False if it is not. */
export type Wait = (word: number, row: number) => boolean
/** Wakes those who wait for a word. Returns how many there were. */
export type Wake = (words: Int32Array, word: number) => number

/**
 * A row for this isolate, undefined if all are taken. From the owner's view it is nobody's until the last step: one who ends before
 * leaves a row that is being taken, and holds nothing.
 */
export function* claiming(
  words: Int32Array,
  thread: number,
  wait: Wait,
  rows = READERS,
  signs = SIGNS,
): Steps<number | undefined> {
  for (let row = 0; row < rows; row++) {
    // A main thread is 0, and a free row too.
    if (Atomics.compareExchange(words, readerAt(row), 0, -thread - 1) !== 0) continue
    yield
    // The rest is for the dead to be found among: the owner does so when few are left.
    if (row >= rows / 2) callOwner(words)
    for (let sign = 0; sign < signs; sign++) yield* showing(words, row, sign, wait)
    // The owner takes back what is never finished; so it may, if this isolate was stopped here for a minute.
    if (Atomics.compareExchange(words, readerAt(row), -thread - 1, thread + 1) === -thread - 1) return row
    yield
  }
  return undefined
}

/** Waits for one of the words. */
export function* showing(words: Int32Array, row: number, sign: number, wait: Wait): Steps<void> {
  const word = signAt(row, sign)
  for (;;) {
    Atomics.store(words, word, 0)
    yield
    if (wait(word, row)) break
    yield
  }
  yield
  Atomics.store(words, word, 1)
}

/** Whether the isolate of a row lives, also while it takes it. Undefined if it waits for none of its words at present. For the owner. */
export function* asking(
  words: Int32Array,
  row: number,
  wake: Wake,
  signs = SIGNS,
): Steps<boolean | undefined> {
  for (let sign = 0; sign < signs; sign++) {
    const word = signAt(row, sign)
    const isShown = Atomics.load(words, word) === 1
    yield
    if (!isShown) continue
    Atomics.store(words, word, 0)
    yield
    return wake(words, word) > 0
  }
  return undefined
}

/** Frees the row of an isolate that has ended. For the owner. */
export function* burying(words: Int32Array, row: number, signs = SIGNS): Steps<void> {
  yield* dropping(words, row)
  for (let sign = 0; sign < signs; sign++) {
    Atomics.store(words, signAt(row, sign), 0)
    yield
  }
  // Last: from here on it belongs to whoever takes it.
  Atomics.store(words, readerAt(row), 0)
}
