import type { HttpSpec } from '../backend/backend'
import { HeddleError } from '../errors'
import { size } from '../net/options'
import type { PlaceOptions } from '../net/placement'

/**
 * What a server allows its clients. Sizes are bytes, times milliseconds; 0 means no limit where that is said, and is
 * ERR_INVALID_ARGUMENT elsewhere.
 */
export interface HttpLimits {
  /** Request line and headers: 431 beyond. Default 16 KiB, from 64 to 65535. */
  readonly maxHeadBytes?: number
  /** 431 beyond. Default 100, from 1 to 1000. */
  readonly maxHeaders?: number
  /** 413 beyond. Default 1 MiB; 0: none. */
  readonly maxBodyBytes?: number
  /** From the first byte of a request to the end of its head: 408. Default 10 s; 0: none. */
  readonly headTimeout?: number
  /**
   * From the first byte of a request to the end of its body, without the time in which the handler does not want the
   * body: 408. Default 60 s; 0: none.
   */
  readonly requestTimeout?: number
  /** Silence between two requests, then the connection is closed. Default 5 s; 0: none. */
  readonly keepAliveTimeout?: number
  /** A client that takes no output for so long is dropped. Default 30 s; 0: none. */
  readonly writeTimeout?: number
  /** A handler whose answer is not complete by then: 503, or the end if it was begun. Default 0, none. */
  readonly responseTimeout?: number
  /** Then the connection is closed. Default 0, none. */
  readonly maxRequestsPerConnection?: number
  /** Requests of one connection under way at once, 1 to 32. Default 32. */
  readonly maxPipelined?: number
  /** Accepting stops above. Default 0, none. */
  readonly maxConnections?: number
  /** `write` answers false above this. Default 64 KiB; 0: never. */
  readonly highWaterBytes?: number
}

/** A request that was answered by the server itself because it broke the protocol or a limit. */
export interface Refusal {
  /** The status that was sent, 0 if none could be. */
  readonly status: number
  readonly errno: number
}

/** How `HttpServer.close` treats open connections. */
export interface HttpCloseOptions {
  /** Answer what is under way, then close its connection; resolve after the last one. Default false. */
  readonly drain?: boolean
  /** With `drain`: connections that are still busy after so many milliseconds are destroyed. Default 0, never. */
  readonly timeout?: number
}

/** Limits of a server, and who is told of what it does by itself. */
export interface HttpServerOptions extends HttpLimits, PlaceOptions {
  /** Told of handlers that threw or rejected. Default: one line on stderr. */
  readonly onError?: (error: unknown, request: { readonly method: string; readonly url: string }) => void
  readonly onRefused?: (refusal: Refusal) => void
  /** Accepting failed, for example with EMFILE; the server goes on. */
  readonly onAcceptError?: (error: HeddleError) => void
}

export function httpSpec(limits: HttpLimits): HttpSpec {
  return {
    maxHeadBytes: within('maxHeadBytes', limits.maxHeadBytes, 16384, 64, 65535),
    maxHeaders: within('maxHeaders', limits.maxHeaders, 100, 1, 1000),
    maxBodyBytes: size('maxBodyBytes', limits.maxBodyBytes, 1048576),
    headTimeoutMs: size('headTimeout', limits.headTimeout, 10_000),
    requestTimeoutMs: size('requestTimeout', limits.requestTimeout, 60_000),
    keepAliveTimeoutMs: size('keepAliveTimeout', limits.keepAliveTimeout, 5_000),
    writeTimeoutMs: size('writeTimeout', limits.writeTimeout, 30_000),
    maxRequestsPerConnection: size('maxRequestsPerConnection', limits.maxRequestsPerConnection, 0),
    maxPipelined: within('maxPipelined', limits.maxPipelined, 32, 1, 32),
  }
}

function within(
  name: string,
  value: number | undefined,
  fallback: number,
  low: number,
  high: number,
): number {
  const given = size(name, value, fallback)
  if (given >= low && given <= high) return given
  throw new HeddleError('ERR_INVALID_ARGUMENT', `${name} is from ${low} to ${high}, not ${given}`)
}
