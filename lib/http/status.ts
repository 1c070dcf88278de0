import { STATUS_CODES } from 'node:http'
import { HeddleError } from '../errors'

/** Statuses whose responses have no body. */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 304
}

/** A final status; interim ones are sent by the server alone. */
export function checkStatus(status: number): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw new HeddleError(
    'ERR_INVALID_ARGUMENT',
    `a response status is an integer from 200 to 599, not ${status}`,
  )
}

/** The usual phrase, for bodies of generated responses. */
export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? 'Unknown'
}
