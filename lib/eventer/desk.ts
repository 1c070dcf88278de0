import { JobDesk } from '../jobq'
import type { Loop } from './loop'

const opened = new WeakSet<JobDesk>()

/**
 * The desk to which the ends of a loop's jobs come. It ends with the eventer, after the queues that were made here: what has not
 * come back by then will not. ERR_NOT_INIT, ERR_NATIVE_REQUIRED.
 */
export function deskOf(loop: Loop): JobDesk {
  const desk = JobDesk.of(loop.port)
  if (opened.has(desk)) return desk
  // First, so that it is closed first.
  void loop.core.jobqs
  opened.add(desk)
  loop.core.closers.add(async () => desk.close())
  return desk
}
