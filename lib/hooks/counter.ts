/** Counts the calls of a list by a function that has learnt another one. */
export interface Counter {
  left: number
}
