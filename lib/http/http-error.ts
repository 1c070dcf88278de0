import { HeddleError } from '../errors'

/**
 * An error that is the client's: thrown by a handler (or passed on from reading a body) it is answered with its
 * status instead of 500, and not logged.
 */
export class HttpError extends HeddleError {
  readonly status: number

  constructor(status: number, code: string, message?: string, cause?: unknown) {
    super(code, message, cause === undefined ? {} : { cause })
    this.status = status
  }
}
