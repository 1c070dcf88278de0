/**
 * Who may call a method. `any-thread`: other isolates too, through the method of the same name of `RemoteEventer`.
 * `owner-loop`: the isolate of the loops; in strict mode not from a callback of another loop, for an event given.
 * `scheduler`: the isolate of the loops only. (EV-24)
 */
export type ThreadClass = 'any-thread' | 'owner-loop' | 'scheduler'

const EVENTER: Record<string, ThreadClass> = {
  add: 'any-thread',
  trigger: 'any-thread',
  remove: 'owner-loop',
  update: 'owner-loop',
  updateWhence: 'owner-loop',
  removeTimed: 'owner-loop',
  removeRecurrent: 'owner-loop',
  removeFd: 'owner-loop',
  read: 'any-thread',
  write: 'any-thread',
  accept: 'any-thread',
}

const SCHEDULER: Record<string, ThreadClass> = {
  scheduleAndDispatch: 'any-thread',
  schedule: 'scheduler',
  clearByFd: 'scheduler',
  clearTimed: 'scheduler',
}

/** A method that says who may call it. */
export interface Classified {
  readonly threadClass: ThreadClass
}

/** Sets `threadClass` on the methods of the two prototypes. */
export function assignThreadClasses(eventer: { prototype: object }, scheduler: { prototype: object }): void {
  assign(eventer.prototype, EVENTER)
  assign(scheduler.prototype, SCHEDULER)
}

function assign(prototype: object, classes: Record<string, ThreadClass>): void {
  for (const [name, threadClass] of Object.entries(classes)) {
    const method = (prototype as Record<string, unknown>)[name] as object
    Object.defineProperty(method, 'threadClass', { value: threadClass, enumerable: true })
  }
}
