import type { Hook, Hooks, VoidHook } from '../hooks'
import type { HttpRequest, HttpResponse } from '../http'

/**
 * The hooks that an application calls.
 *
 * `http.request`: modules are asked before the routes are. A provider that answers returns true, or what counts as that, and the request is
 * its own. It says so at once: an async provider answers nothing, its request fails.
 * Providers run in the isolate of the application, so that listeners on pools of workers do not ask them.
 *
 * `core.post_conf`: all of the application serves, and modules have been told. Once, with the number of the generation. (CF-33)
 */
export class AppHooks {
  readonly #request: Hook<[request: HttpRequest, response: HttpResponse], boolean>
  readonly #postConf: VoidHook<[generation: number]>

  constructor(hooks: Hooks) {
    this.#request = hooks.declare<[HttpRequest, HttpResponse], boolean>('http', 'request', {
      default: false,
      onReturn: (answered, ret) => {
        if (answered) ret(true)
      },
    })
    this.#postConf = hooks.declareVoid('core', 'post_conf')
  }

  answers(request: HttpRequest, response: HttpResponse): boolean {
    return this.#request.has() !== 0 && this.#request.call(request, response)
  }

  started(generation: number): void {
    this.#postConf.call(generation)
  }
}
