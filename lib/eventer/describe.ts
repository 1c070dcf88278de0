import type { Event } from './event'
import { FdEvent } from './fd-event'
import type { Loop } from './loop'
import { Mask, maskText } from './mask'
import { UNNAMED } from './names'

/** `kind/name/fd/mask/owner/whence` of an event; `-` where a kind has no such field. (FD-17) */
export function describeEvent(event: Event): string {
  if (event.isFreed) return 'freed'
  const name = event.core.names.name(event.callback, event) ?? UNNAMED
  const fd = event instanceof FdEvent ? String(event.fd) : '-'
  const whence = event.kind === 'timer' ? event.whence.toFixed(3) : '-'
  return [event.kind, name, fd, maskText(event.mask), event.owner.name, whence].join('/')
}

/** The same line for a timeout, whose time is past when it is of interest. */
export function describeTimeout(callback: object, loop: Loop): string {
  return [
    'timeout',
    loop.core.names.name(callback) ?? UNNAMED,
    '-',
    maskText(Mask.TIMER),
    loop.name,
    '-',
  ].join('/')
}
