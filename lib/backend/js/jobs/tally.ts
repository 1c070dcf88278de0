import { Smoothed } from './smoothed'

/** Numbers of a queue that only grow, or follow what happens. (JQ-10) */
export class Tally {
  /** Jobs that have run, or were too late for it. */
  total = 0
  timeouts = 0
  /** Milliseconds. */
  readonly wait = new Smoothed()
  readonly run = new Smoothed()
}
