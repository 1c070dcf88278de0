import { fstatSync } from 'node:fs'
import { In, MaskBit } from '../protocol'
import type { Descriptor } from './descriptor'
import { type Descriptors, isSystem } from './descriptors'
import { errno } from './errno'
import type { Inbox } from './inbox'

/** Bytes of one read at most, and the room below which a larger one waits for the next pass. */
const MOST_BYTES = 65536
const LEAST_ROOM = 4096

interface Watch {
  readonly handle: number
  readonly fd: number
  readonly descriptor: Descriptor
  mask: number
  /** Of a watch with the mask ASKED: bytes the read under way may take, 0 for none. */
  readBytes: number
  /** And the readiness that is to be reported once. */
  waited: number
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
    const watch = { handle, fd, descriptor, mask, readBytes: 0, waited: 0 }
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
    if (watch === undefined || watch.mask === MaskBit.ASKED) return
    watch.mask = mask
    this.#suspect(watch)
  }

  /** FD_READ; 0 bytes withdraws it. */
  askRead(handle: number, bytes: number): void {
    const watch = this.#asked(handle)
    if (watch === undefined) return
    watch.readBytes = bytes
    if (bytes > 0) this.#suspect(watch)
  }

  /** FD_WAIT; an empty mask withdraws it. */
  askReady(handle: number, mask: number): void {
    const watch = this.#asked(handle)
    if (watch === undefined) return
    watch.waited = mask
    if (mask !== 0) this.#suspect(watch)
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
      if (reported < max && report(inbox, watch, mask)) reported++
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
    const ready = watch.descriptor.ready()
    if (watch.mask !== MaskBit.ASKED) return ready & (watch.mask | MaskBit.EXCEPTION)
    const asked = watch.waited | (watch.readBytes > 0 ? MaskBit.READ : 0)
    return asked === 0 ? 0 : ready & (asked | MaskBit.EXCEPTION)
  }

  /** The watch of this handle, if it is one that answers. */
  #asked(handle: number): Watch | undefined {
    const watch = this.#byHandle.get(handle)
    return watch?.mask === MaskBit.ASKED ? watch : undefined
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

/** Writes what there is to say; false when the batch has no room for it. */
function report(inbox: Inbox, watch: Watch, mask: number): boolean {
  if (watch.mask !== MaskBit.ASKED) return inbox.push2(In.FD, watch.handle, mask)
  if (watch.readBytes > 0 && (mask & (MaskBit.READ | MaskBit.EXCEPTION)) !== 0) {
    if (!answerRead(inbox, watch)) return false
  }
  const hits = mask & (watch.waited | MaskBit.EXCEPTION)
  if (watch.waited === 0 || hits === 0) return true
  if (!inbox.push2(In.FD_READY, watch.handle, hits)) return false
  watch.waited = 0
  return true
}

function answerRead(inbox: Inbox, watch: Watch): boolean {
  const room = inbox.freeBytes
  if (!inbox.hasRoom(4, Math.min(watch.readBytes, LEAST_ROOM))) return false
  const offset = inbox.bytes
  const into = inbox.recv.subarray(offset, offset + Math.min(watch.readBytes, room, MOST_BYTES))
  const n = watch.descriptor.read(into)
  if (n === -errno.EAGAIN) return true
  watch.readBytes = 0
  if (n > 0) inbox.bytes = offset + n
  inbox.push3(In.FD_DATA, watch.handle, offset, n)
  return true
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
