import type { Port } from '../backend/port'
import { HeddleError } from '../errors'
import type { HeaderSet } from './header-set'
import { HttpError } from './http-error'
import type { HttpServerOptions } from './options'
import type { HttpRequest } from './request'
import type { HttpResponse } from './response'
import { reasonOf } from './status'

/** What a server does when a handler fails: the client gets an answer, the operator a report. */
export class Failures {
  readonly #port: Port
  readonly #onError: HttpServerOptions['onError']
  readonly #noHeaders: HeaderSet

  constructor(port: Port, onError: HttpServerOptions['onError'], noHeaders: HeaderSet) {
    this.#port = port
    this.#onError = onError
    this.#noHeaders = noHeaders
  }

  /** The handler, or a callback it left behind, threw or rejected. */
  fail(request: HttpRequest, response: HttpResponse, error: unknown): void {
    const status = clientFault(error)
    if (status !== undefined && !response.headersSent && !response.finished) {
      this.replace(request, response, status)
      return
    }
    // The client left: whatever waited for it was bound to fail.
    if (response.aborted && error instanceof HeddleError) return
    this.#report(error, request)
    if (!response.finished) this.replace(request, response, 500)
  }

  /** An answer of the server's own, in place of what the handler prepared; too late for one, the end. */
  replace(request: HttpRequest, response: HttpResponse, status: number): void {
    if (response.headersSent) response.destroy()
    else {
      response.reset(this.#noHeaders)
      response.status = status
      response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(`${reasonOf(status)}\n`)
    }
    this.abandon(request, response)
  }

  /** Whatever the handler still does has no effect. */
  abandon(request: HttpRequest, response: HttpResponse): void {
    try {
      response.abandon()
    } catch (error) {
      this.#report(error, request)
    }
  }

  #report(error: unknown, request: HttpRequest): void {
    const { method, url } = describe(request)
    const onError = this.#onError
    if (onError === undefined) {
      console.error(`heddle: ${method} ${url}: ${oneLine(error)}`)
      return
    }
    try {
      onError(error, { method, url })
    } catch (thrown) {
      this.#port.uncaught(thrown)
    }
  }
}

/** The status of an error that is the client's. One that cannot be sent, or blames the server, is the server's. */
function clientFault(error: unknown): number | undefined {
  if (!(error instanceof HttpError)) return undefined
  const { status } = error
  return Number.isInteger(status) && status >= 200 && status < 500 ? status : undefined
}

/** A request that was answered on the spot may not tell any more. */
function describe(request: HttpRequest): { method: string; url: string } {
  try {
    return { method: request.method, url: request.url }
  } catch {
    return { method: '?', url: '?' }
  }
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)
  return text.replace(/\s*\n\s*/g, ' | ')
}
