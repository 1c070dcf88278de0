import { Runtime } from '../aco/runtime'
import { HeddleError } from '../errors'
import { Loop } from '../eventer'
import type { PortHolder } from '../net/options'
import type { HttpHandler } from './router'

/**
 * The same handler run inside a coroutine of its own for each request, of which the request is the argument. Its errors are
 * those of the handler. ERR_NOT_SUPPORTED: the loop is none of an eventer. (AC-29, RS-02)
 */
export function inCoroutine(loop: PortHolder, name: string, handler: HttpHandler): HttpHandler {
  if (!(loop instanceof Loop))
    throw new HeddleError('ERR_NOT_SUPPORTED', 'handlers in coroutines need a loop of an eventer')
  return (request, response) =>
    Runtime.of(loop.core).start(loop, () => handler(request, response), request, { name }).done
}
