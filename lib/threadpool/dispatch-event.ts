import { Out } from '../backend/protocol'
import type { Event } from '../eventer/event'
import { FdEvent } from '../eventer/fd-event'
import { Mask } from '../eventer/mask'
import { TimedEvent } from '../eventer/timed-event'
import { toTime } from '../time'

/**
 * Schedules an event and calls it back with the mask in the next pass of its loop. One that is scheduled already is only called
 * back; a timer is due at once. EEXIST, EBADF, EINVAL, ERR_EVENT_FREED.
 */
export function dispatchEvent(event: Event, mask: number): void {
  event.assertAlive()
  const { core } = event
  if (event instanceof TimedEvent) {
    event.whence = toTime(0)
    if (!event.isScheduled) core.add(event)
    return
  }
  if (!event.isScheduled) {
    if (event instanceof FdEvent) event.mask = mask & ~Mask.EXCEPTION || mask
    core.add(event)
  }
  event.owner.port.push2(Out.TRIGGER, event.handle, mask)
}
