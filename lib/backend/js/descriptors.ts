import { closeSync, fstatSync, readFileSync, readSync, writeSync } from 'node:fs'
import type { AddressInfo, Sys } from '../backend'
import type { Descriptor } from './descriptor'
import { errno } from './errno'
import { QueueDescriptor } from './queue-descriptor'
import { ServerDescriptor, SocketDescriptor, openSocket } from './socket-descriptor'

/** Numbers from here on are ours; the system gives out small ones. */
export const FIRST_VIRTUAL = 1 << 20

const O_NONBLOCK = 1
const FD_CLOEXEC = 2

/** Runs a synchronous call of node:fs, turning what it throws into a negative errno. */
function systemCall(call: () => unknown): number {
  try {
    const result = call()
    return typeof result === 'number' ? result : 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -errno.EBADF
  }
}

/**
 * The descriptors of one isolate: virtual ones by number, real ones of the system as far as node:fs reaches.
 * The lowest number that was given back last is used again, so users see numbers re-used as the system does.
 */
export class Descriptors implements Sys {
  readonly #open = new Map<number, Descriptor>()
  readonly #free: number[] = []
  #next = FIRST_VIRTUAL

  /** The object behind a virtual descriptor; undefined for real and for closed ones. */
  find(fd: number): Descriptor | undefined {
    return this.#open.get(fd)
  }

  /** Takes the number out of use without ending the object. */
  release(fd: number): Descriptor | undefined {
    const descriptor = this.#open.get(fd)
    if (descriptor === undefined) return undefined
    this.#open.delete(fd)
    this.#free.push(fd)
    // A watch that is left behind looks at the table, finds the number gone and drops itself.
    descriptor.onChange?.()
    descriptor.onChange = undefined
    return descriptor
  }

  read(fd: number, into: Uint8Array): number {
    const descriptor = this.#open.get(fd)
    if (descriptor !== undefined) return descriptor.read(into)
    if (!isSystem(fd)) return -errno.EBADF
    return systemCall(() => readSync(fd, into, 0, into.length, null))
  }

  write(fd: number, from: Uint8Array): number {
    const descriptor = this.#open.get(fd)
    if (descriptor !== undefined) return descriptor.write(from)
    if (!isSystem(fd)) return -errno.EBADF
    return systemCall(() => writeSync(fd, from, 0, from.length, null))
  }

  accept(fd: number): number {
    const descriptor = this.#open.get(fd)
    if (descriptor === undefined) return isSystem(fd) ? this.#refuse(fd, errno.ENOTSUP) : -errno.EBADF
    const accepted = descriptor.accept()
    return typeof accepted === 'number' ? accepted : this.#add(accepted)
  }

  close(fd: number): number {
    const descriptor = this.release(fd)
    if (descriptor === undefined) return isSystem(fd) ? systemCall(() => closeSync(fd)) : -errno.EBADF
    descriptor.close()
    return 0
  }

  /** A virtual descriptor keeps the flag only: a call that waits cannot be made in JavaScript. */
  setBlocking(fd: number, blocking: boolean): number {
    const descriptor = this.#open.get(fd)
    if (descriptor === undefined) return this.#refuse(fd, errno.ENOTSUP)
    descriptor.blocking = blocking
    return 0
  }

  pair(): [number, number] {
    const [a, b] = QueueDescriptor.pair()
    return [this.#add(a), this.#add(b)]
  }

  pipe(): [number, number] {
    const [reader, writer] = QueueDescriptor.pipe()
    return [this.#add(reader), this.#add(writer)]
  }

  listenFd(spec: Parameters<Sys['listenFd']>[0]): number {
    const server = ServerDescriptor.open(spec)
    return typeof server === 'number' ? server : this.#add(server)
  }

  tryBind(): number {
    return -errno.ENOTSUP
  }

  connectFd(spec: Parameters<Sys['connectFd']>[0]): number {
    const socket = openSocket(spec)
    if (typeof socket === 'number') return socket
    return this.#add(new SocketDescriptor(socket, false, spec.kind === 'unix' ? spec.path : undefined))
  }

  socketError(fd: number): number {
    const descriptor = this.#open.get(fd)
    return descriptor === undefined ? this.#refuse(fd, errno.ENOTSUP) : descriptor.socketError()
  }

  address(fd: number, peer: boolean): AddressInfo | undefined {
    return this.#open.get(fd)?.address(peer)
  }

  descriptorLimit(wanted?: number): number {
    const limit = readLimit()
    if (wanted === undefined || limit < 0 || wanted <= limit) return limit
    return -errno.ENOTSUP
  }

  descriptorFlags(fd: number): number {
    const descriptor = this.#open.get(fd)
    if (descriptor === undefined) return this.#refuse(fd, errno.ENOTSUP)
    return descriptor.blocking ? FD_CLOEXEC : O_NONBLOCK | FD_CLOEXEC
  }

  /** -EBADF for what is not open, otherwise the given refusal. */
  #refuse(fd: number, refusal: number): number {
    if (!isSystem(fd)) return -errno.EBADF
    const state = systemCall(() => fstatSync(fd))
    return state < 0 ? state : -refusal
  }

  #add(descriptor: Descriptor): number {
    const fd = this.#free.pop() ?? this.#next++
    this.#open.set(fd, descriptor)
    return fd
  }
}

export function isSystem(fd: number): boolean {
  return Number.isInteger(fd) && fd >= 0 && fd < FIRST_VIRTUAL
}

/** The soft limit of open descriptors; -ENOTSUP where the system has no file that tells. */
function readLimit(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return line ? Number(line[1]) : -errno.ENOTSUP
  } catch {
    return -errno.ENOTSUP
  }
}
