/**
 * What the rest of the package needs from an engine room. Two implementations: `native/` (the addon) and `js/`
 * (node:net). Both speak the records of `protocol.ts`; everything above is the same code for both.
 *
 * Calls return a non-negative number on success and a negative errno on failure, as the system calls they stand
 * for; the layer above turns those into HeddleError. Thread rule: an engine is used by the isolate that made it;
 * `Backend.remote*` may be called from any isolate of the process.
 */

import type { AcoBackend, AcoEngine } from './aco'
import type { JobsBackend, JobsEngine } from './jobs'
import type { ModulesBackend } from './modules'
import type { MemoryBackend, SafeBackend } from './memory'
import type { SharedBackend } from './shared'

/** What a backend can do. A feature whose flag is false fails with ERR_NATIVE_REQUIRED. */
export interface Capabilities {
  readonly backend: 'native' | 'js'
  readonly implementation: 'epoll' | 'kqueue' | 'libuv'
  /** Watch arbitrary descriptors of the system. The js backend watches only descriptors it made (`sys.pair`, …). */
  readonly systemDescriptors: boolean
  /** SO_REUSEPORT. */
  readonly reusePort: boolean
  /** Blocking closes run on helper threads. */
  readonly threadedClose: boolean
  /** Blocks of typed and safe memory have addresses and can be handed to other isolates. */
  readonly sharedBlocks: boolean
  /** Job queues are seen by all isolates of the process. */
  readonly sharedQueues?: boolean
  /** Loops on threads of their own. */
  readonly dedicatedLoops?: boolean
  /** Native modules can be loaded, and their procedures run as coroutines. */
  readonly nativeCoroutines: boolean
  /** Native modules have a life-cycle, options and hooks. */
  readonly nativeModules?: boolean
}

/** The memory of one port. JS allocates it, the engine keeps it alive; only the isolate's thread touches it. */
export interface PortMemory {
  readonly inbox: Int32Array
  readonly recv: Uint8Array
  readonly outbox: Int32Array
  readonly send: Uint8Array
  readonly control: Int32Array
  readonly clock: Float64Array
}

export interface EngineOptions {
  /** Longest sleep of a quiet loop, milliseconds. */
  readonly maxSleepMs: number
  /** Timers fired in one pass at most. */
  readonly maxTimersPerPass: number
  /** Events taken from one multiplexer wait at most. */
  readonly maxEventsPerWait: number
  /** Thread-visible name, for example `default/0`. */
  readonly name: string
  /** Each dispatch is a section of safe memory. Default true. */
  readonly sections?: boolean
  /**
   * The loop has a thread of its own, which waits, reads, parses and writes; this isolate is handed its records. Default
   * false: the isolate's own event loop drives it. Where `capabilities.dedicatedLoops` is false: ENOTSUP.
   */
  readonly dedicated?: boolean
}

/** Options of `Engine.listen`. Times are milliseconds, sizes bytes; 0 switches a time or limit off. */
export interface ListenSpec {
  /** 'tcp' with host and port, or 'unix' with path. */
  readonly kind: 'tcp' | 'unix'
  /** Numeric IPv4 or IPv6 address. */
  readonly host?: string
  readonly port?: number
  readonly path?: string
  /**
   * Accept from the socket of another listener, whose address is given: the number of its `listenerShare`. The socket is open
   * until the last of them is closed; its file goes with the one that bound it.
   */
  readonly share?: number
  /** Listen, but leave accepting to those who share the socket. Native backend only. */
  readonly holds?: boolean
  readonly backlog: number
  readonly noDelay: boolean
  readonly reusePort: boolean
  readonly ipv6Only: boolean
  /** Above this many connections accepting stops until one leaves. */
  readonly maxConnections: number
  /** Accepts per pass at most. */
  readonly acceptsPerPass: number
  readonly idleTimeoutMs: number
  readonly highWaterBytes: number
  readonly lowWaterBytes: number
  readonly maxWriteBufferBytes: number
  /** FIN of the peer closes the connection by itself once our output is sent. */
  readonly autoClose: boolean
  /** Connections start paused (the owner resumes them when it wants to read). */
  readonly paused: boolean
  /** Present: the connections speak HTTP/1.1 and produce HTTP records instead of ACCEPT and DATA. */
  readonly http?: HttpSpec
}

export interface HttpSpec {
  readonly maxHeadBytes: number
  readonly maxHeaders: number
  readonly maxBodyBytes: number
  /** From the first byte of a request to the end of its head. */
  readonly headTimeoutMs: number
  /** From the first byte of a request to the end of its body. */
  readonly requestTimeoutMs: number
  /** Silence between requests. */
  readonly keepAliveTimeoutMs: number
  /** A client that takes no output for so long is dropped. */
  readonly writeTimeoutMs: number
  readonly maxRequestsPerConnection: number
  /** Requests of one connection that may be outstanding at once (1 to 32). */
  readonly maxPipelined: number
}

export interface ConnectSpec {
  readonly kind: 'tcp' | 'unix'
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly noDelay: boolean
  readonly idleTimeoutMs: number
  readonly highWaterBytes: number
  readonly lowWaterBytes: number
  readonly maxWriteBufferBytes: number
  readonly autoClose: boolean
  readonly paused: boolean
}

/** An address of a socket; `address` is the path and `port` 0 of a Unix one. */
export interface AddressInfo {
  readonly family: 'IPv4' | 'IPv6' | 'unix'
  readonly address: string
  readonly port: number
}

/** One loop: a multiplexer, timers, connections and a port to this isolate. */
export interface Engine {
  /** Process-wide number of the loop, for `Backend.post`, `trigger` and `wake` from other threads. */
  readonly loopId: number
  /** Native coroutines of this loop, where there are any. */
  readonly aco?: AcoEngine
  /** Jobs submitted from this loop, and those that a worker serves over it. */
  readonly jobs: JobsEngine
  /** Passes run from now on, driven by the isolate's own event loop. */
  start(): void
  /** No further pass; what is registered stays registered. `start` resumes. */
  stop(): void
  /** While referenced and started, the loop keeps the process alive. */
  ref(): void
  unref(): void
  /** Applies the outbox now. Safe inside a dispatch: records it causes come with a later batch. */
  flush(): void
  /** Makes a pass happen soon, without running a callback by itself. */
  wake(): void
  /** Closes everything the engine owns. Idempotent; every other call fails afterwards. */
  close(): void

  /** Watches a descriptor. -EEXIST if it is watched already, -EPERM if it cannot be watched, -EBADF. */
  fdAdd(handle: number, fd: number, mask: number): number
  /** Stops watching. -ENOENT if it was not watched. */
  fdRemove(handle: number, fd: number): number
  /**
   * Dedicated loops only: the outbox goes to the loop's thread, which applies it when it comes to it. `flush` waits until
   * it is applied.
   */
  handOver?(): void
  /** Dedicated loops only: brings the counters in `control` and Clock.SLEPT up to date. */
  count?(): void
  /**
   * Dedicated loops only: the answer to a withdrawn FD_READ of this handle that is on its way still, once. Its bytes go
   * to `into`; the result is that of FD_DATA, or -ENOENT: there is none and none will come.
   */
  takeAhead?(handle: number, into: Uint8Array): number
  /** Closes a descriptor, on a helper thread where that may block. FD_CLOSED carries `request` back. */
  fdClose(request: number, fd: number): number

  /** Returns a listener handle, or a negative errno. */
  listen(spec: ListenSpec): number
  listenerAddress(listener: number): AddressInfo | undefined
  /**
   * A number by which others may listen on this very socket (`ListenSpec.share`) while it is open: on the native backend a
   * descriptor, for all isolates of the process, on the other a name among the engines of this isolate. -EBADF.
   */
  listenerShare(listener: number): number
  /** Stops accepting and closes the listening descriptor; its connections go on. */
  listenerClose(listener: number): number
  /**
   * HTTP listeners: answer what is under way with `Connection: close`, close idle connections at once.
   */
  listenerDrain(listener: number): number
  /** Destroys every connection that came from this listener, which may be closed already. */
  listenerDestroy(listener: number): number
  /** Open connections that came from this listener. */
  listenerConnections(listener: number): number

  /** Starts a connection and returns its handle, or a negative errno. CONNECT follows. */
  connect(spec: ConnectSpec): number
  /** Adopts a connected, stream-type descriptor. Returns a connection handle. */
  adopt(fd: number, spec: ConnectSpec): number
  /** Address of this side or the peer; undefined once closed. */
  connectionAddress(connection: number, peer: boolean): AddressInfo | undefined
  /** Descriptor of a connection, or -EBADF. It stays the connection's. */
  connectionFd(connection: number): number
  /** Unsent bytes. */
  connectionPending(connection: number): number
  /**
   * Writes a large block in order behind what the outbox holds (which it applies first). What the system does not
   * take at once stays referenced until it is sent, unless it lies in `recv`, then it is copied. A dedicated loop's
   * thread gets a copy. Failures end the connection, which says so.
   */
  writeBlock(connection: number, block: Uint8Array): number
  /** The same for body bytes of a streamed HTTP response. */
  httpWriteBlock(connection: number, seq: number, block: Uint8Array): number

  /** Counters for tests and statistics: allocations alive in the engine, by kind. */
  stats(): EngineStats
}

export interface EngineStats {
  readonly connections: number
  readonly listeners: number
  readonly timers: number
  readonly watches: number
  /** Bytes held for unsent output and unparsed input. */
  readonly bufferedBytes: number
  readonly passes: number
  readonly waits: number
}

/** System calls on plain descriptors. Results are counts or negative errnos. */
export interface Sys {
  read(fd: number, into: Uint8Array): number
  write(fd: number, from: Uint8Array): number
  /** Non-blocking, close-on-exec descriptor of an accepted connection, or a negative errno. */
  accept(fd: number): number
  close(fd: number): number
  setBlocking(fd: number, blocking: boolean): number
  /** Two connected stream descriptors, non-blocking and close-on-exec. */
  pair(): [number, number] | number
  /** Read end, write end. */
  pipe(): [number, number] | number
  /** A listening stream descriptor. */
  listenFd(spec: Pick<ListenSpec, 'kind' | 'host' | 'port' | 'path' | 'backlog'>): number
  /**
   * 0, or why nobody could listen on this TCP address now without sharing it. Nothing listens meanwhile. -ENOTSUP on the
   * JavaScript backend.
   */
  tryBind(spec: Pick<ListenSpec, 'kind' | 'host' | 'port' | 'ipv6Only'>): number
  /** Starts a non-blocking connect; the descriptor becomes writable when it is done. */
  connectFd(spec: Pick<ConnectSpec, 'kind' | 'host' | 'port' | 'path'>): number
  /** SO_ERROR: 0 or a positive errno. */
  socketError(fd: number): number
  address(fd: number, peer: boolean): AddressInfo | undefined
  /** Descriptor limit of the process: reads it, or raises it to `wanted` and returns what it is then. */
  descriptorLimit(wanted?: number): number
  /** Non-blocking / close-on-exec flags, for tests: bit 0 O_NONBLOCK, bit 1 FD_CLOEXEC. */
  descriptorFlags(fd: number): number
}

export interface Backend {
  readonly capabilities: Capabilities
  readonly sys: Sys
  /** Structures that all isolates see. */
  readonly shared: SharedBackend
  readonly memory: MemoryBackend
  readonly safe: SafeBackend
  /** Native coroutines, where there are any. */
  readonly aco?: AcoBackend
  /** Native modules, where there are any. */
  readonly modules?: ModulesBackend
  readonly jobs: JobsBackend
  createEngine(memory: PortMemory, options: EngineOptions, dispatch: (words: number) => void): Engine
  /**
   * From any isolate: POST record with these bytes on the loop. -ENOENT if the loop is gone, -ENOBUFS if full, -EMSGSIZE
   * above 64 KiB on the js backend and above the receive slab on the native one.
   */
  post(loopId: number, bytes: Uint8Array): number
  /** From any isolate: TRIGGER record on the loop. */
  trigger(loopId: number, handle: number, mask: number): number
  /** From any isolate: ends the loop's wait. */
  wake(loopId: number): number
  /** Reports an exception as Node reports an uncaught one, and returns if a listener took it. */
  uncaught(error: unknown): void
}
