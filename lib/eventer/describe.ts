import type { Event } from './event'
import { FdEvent } from './fd-event'
import { maskText } from './mask'
import { UNNAMED } from './names'

/** `kind/name/fd/mask/owner/whence` of an event; `-` where a kind has no such field. (FD-17) */
export function describeEvent(event: Event): string {
  if (event.isFreed) return 'freed'
  const name = event.core.names.name(event.callback, event) ?? UNNAMED
  const fd = event instanceof FdEvent ? String(event.fd) : '-'
  const whence = event.kind === 'timer' ? event.whence.toFixed(3) : '-'
  return [event.kind, name, fd, maskText(event.mask), event.owner.name, whence].join('/')
}
