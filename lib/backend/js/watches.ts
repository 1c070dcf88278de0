import { fstatSync } from 'node:fs'
import { In, MaskBit } from '../protocol'
import type { Descriptor } from './descriptor'
import { type Descriptors, isSystem } from './descriptors'
import { errno } from './errno'
import type { Inbox } from './inbox'

interface Watch {
  readonly handle: number
  readonly fd: number
  readonly descriptor: Descriptor
  mask: number
}

/**
 * Level-triggered watches of one engine. Only watches whose readiness may have risen since they were last
 * found quiet are looked at, so that an idle descriptor costs nothing.
 */
export class Watches {
  readonly #descriptors: Descriptors
  readonly #byFd = new Map<number, Watch>()
  readonly #byHandle = new Map<number, Watch>()
  #candidates = new Set<Watch>()
  readonly #onWork: () => void

  /** `onWork` is called when a descriptor may have become ready. */
  constructor(descriptors: Descriptors, onWork: () => void) {
    this.#descriptors = descriptors
    this.#onWork = onWork
  }

  get size(): number {
    return this.#byFd.size
  }

  add(handle: number, fd: number, mask: number): number {
    const descriptor = this.#descriptors.find(fd)
    if (descriptor === undefined) return refusal(fd)
    const known = this.#byFd.get(fd)
    if (known !== undefined && known.descriptor === descriptor) return -errno.EEXIST
    if (known !== undefined) this.#drop(known)
    if (descriptor.onChange !== undefined) return -errno.EEXIST
    const watch = { handle, fd, descriptor, mask }
    this.#byFd.set(fd, watch)
    this.#byHandle.set(handle, watch)
    descriptor.onChange = () => this.#suspect(watch)
    this.#suspect(watch)
    return 0
  }

  remove(handle: number, fd: number): number {
    const watch = this.#byFd.get(fd)
    if (watch === undefined || watch.handle !== handle) return -errno.ENOENT
    const isGone = this.#descriptors.find(fd) !== watch.descriptor
    this.#drop(watch)
    return isGone ? -errno.ENOENT : 0
  }

  setMask(handle: number, mask: number): void {
    const watch = this.#byHandle.get(handle)
    if (watch === undefined) return
    watch.mask = mask
    this.#suspect(watch)
  }

  /** True while a watched descriptor is ready. */
  hasReady(): boolean {
    for (const watch of this.#candidates) {
      if (this.#readiness(watch) !== 0) return true
      this.#candidates.delete(watch)
    }
    return false
  }

  /** Reports ready descriptors, at most `max`; those left over come first in the next pass. */
  collect(inbox: Inbox, max: number): void {
    let reported = 0
    const candidates = [...this.#candidates]
    for (const watch of candidates) {
      const mask = this.#readiness(watch)
      this.#candidates.delete(watch)
      if (mask === 0) continue
      if (reported < max && inbox.push2(In.FD, watch.handle, mask)) reported++
      else {
        this.#putFirst(candidates.slice(candidates.indexOf(watch)))
        return
      }
      this.#candidates.add(watch)
    }
  }

  close(): void {
    for (const watch of [...this.#byFd.values()]) this.#drop(watch)
  }

  #putFirst(rest: Watch[]): void {
    this.#candidates = new Set([...rest, ...this.#candidates])
  }

  /** Errors and hang-ups count even when they were not asked for (FD-15). */
  #readiness(watch: Watch): number {
    if (this.#descriptors.find(watch.fd) !== watch.descriptor) {
      this.#drop(watch)
      return 0
    }
    return watch.descriptor.ready() & (watch.mask | MaskBit.EXCEPTION)
  }

  #suspect(watch: Watch): void {
    this.#candidates.add(watch)
    this.#onWork()
  }

  #drop(watch: Watch): void {
    watch.descriptor.onChange = undefined
    this.#candidates.delete(watch)
    if (this.#byFd.get(watch.fd) === watch) this.#byFd.delete(watch.fd)
    if (this.#byHandle.get(watch.handle) === watch) this.#byHandle.delete(watch.handle)
  }
}

/** Files are refused as the system's multiplexers refuse them; whatever else is real needs native code. */
function refusal(fd: number): number {
  if (!isSystem(fd)) return -errno.EBADF
  try {
    const stat = fstatSync(fd)
    return stat.isFile() || stat.isDirectory() ? -errno.EPERM : -errno.ENOTSUP
  } catch {
    return -errno.EBADF
  }
}
