import type { ConnectSpec, HttpSpec, ListenSpec } from '../backend/backend'
import type { Port } from '../backend/port'
import { flag, invalid } from '../arguments'
import type { Endpoint, EndpointOptions } from './address'
import type { PlaceOptions } from './placement'
import type { WaitOptions } from './wait'

/** Whatever drives connections: a loop of the eventer. */
export interface PortHolder {
  readonly port: Port
}

/** What listeners and outgoing connections share. Sizes are bytes, times milliseconds; 0 means no limit. */
export interface StreamOptions {
  /** TCP_NODELAY. Default true. */
  readonly noDelay?: boolean
  /** Closes a connection that neither read nor wrote for so long. Default 0. (LS-05) */
  readonly idleTimeout?: number
  /** `write` answers false above this. Default 64 KiB. */
  readonly highWaterBytes?: number
  /** `drain` follows below this. Default a quarter of the high-water mark. */
  readonly lowWaterBytes?: number
  /** A connection with more unsent output is cut off. Default 64 MiB. */
  readonly maxWriteBufferBytes?: number
  /** Unread input held for the async style before reading pauses. Default 64 KiB. */
  readonly readBufferBytes?: number
  /**
   * Whether a connection with `onData` stays open for writing after the peer's FIN. Default false: it closes once
   * its output is sent.
   */
  readonly allowHalfOpen?: boolean
}

/** Where to listen, how to accept, and what each connection may hold. */
export interface ListenOptions extends EndpointOptions, StreamOptions, PlaceOptions {
  /** Default 511. */
  readonly backlog?: number
  /** Default false. */
  readonly reusePort?: boolean
  /** An IPv6 listener takes no IPv4. Default false. */
  readonly ipv6Only?: boolean
  /** Accepting stops above this many connections and goes on below. Default 0. (LS-10) */
  readonly maxConnections?: number
  /** Default 64. (LS-10) */
  readonly acceptsPerPass?: number
}

/** Where to connect, and what the connection may hold. `timeout` and `signal` cover the attempt. */
export interface ConnectOptions extends EndpointOptions, StreamOptions, WaitOptions {
  /** Default: the default loop of this isolate. */
  readonly loop?: PortHolder
}

/** Stream options with every default filled in. */
export interface StreamLimits {
  readonly noDelay: boolean
  readonly idleTimeoutMs: number
  readonly highWaterBytes: number
  readonly lowWaterBytes: number
  readonly maxWriteBufferBytes: number
  readonly readBufferBytes: number
  readonly allowHalfOpen: boolean
}

export function streamLimits(options: StreamOptions): StreamLimits {
  const highWaterBytes = size('highWaterBytes', options.highWaterBytes, 65536)
  return {
    noDelay: flag('noDelay', options.noDelay, true),
    idleTimeoutMs: size('idleTimeout', options.idleTimeout, 0),
    highWaterBytes,
    lowWaterBytes: size('lowWaterBytes', options.lowWaterBytes, highWaterBytes >>> 2),
    maxWriteBufferBytes: size('maxWriteBufferBytes', options.maxWriteBufferBytes, 67108864),
    readBufferBytes: size('readBufferBytes', options.readBufferBytes, 65536),
    allowHalfOpen: flag('allowHalfOpen', options.allowHalfOpen, false),
  }
}

export function listenSpec(endpoint: Endpoint, options: ListenOptions, http?: HttpSpec): ListenSpec {
  const limits = streamLimits(options)
  return {
    ...endpoint,
    backlog: size('backlog', options.backlog, 511),
    noDelay: limits.noDelay,
    reusePort: flag('reusePort', options.reusePort, false),
    ipv6Only: flag('ipv6Only', options.ipv6Only, false),
    maxConnections: size('maxConnections', options.maxConnections, 0),
    acceptsPerPass: size('acceptsPerPass', options.acceptsPerPass, 64),
    idleTimeoutMs: limits.idleTimeoutMs,
    highWaterBytes: limits.highWaterBytes,
    lowWaterBytes: limits.lowWaterBytes,
    maxWriteBufferBytes: limits.maxWriteBufferBytes,
    // Closing after the peer's FIN is decided in this layer, which knows whether the input has been read.
    autoClose: false,
    paused: false,
    ...(http && { http }),
  }
}

export function connectSpec(endpoint: Endpoint, limits: StreamLimits): ConnectSpec {
  return {
    ...endpoint,
    noDelay: limits.noDelay,
    idleTimeoutMs: limits.idleTimeoutMs,
    highWaterBytes: limits.highWaterBytes,
    lowWaterBytes: limits.lowWaterBytes,
    maxWriteBufferBytes: limits.maxWriteBufferBytes,
    autoClose: false,
    paused: false,
  }
}

/** A non-negative integer that fits a 32-bit word. */
export function size(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value
  throw invalid(name, 'is an integer from 0 to 2147483647', value)
}
