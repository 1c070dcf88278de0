import type { Hook, Hooks } from '../hooks'
import type { HttpRequest } from '../http'
import type { HttpResponse } from '../http'

/**
 * `http.request`: modules are asked before the routes are. A provider that answers returns true, and the request is its own.
 * Providers run in the isolate of the application, so that listeners on pools of workers do not ask them.
 */
export class RequestHook {
  readonly #hook: Hook<[request: HttpRequest, response: HttpResponse], boolean>

  constructor(hooks: Hooks) {
    this.#hook = hooks.declare<[HttpRequest, HttpResponse], boolean>('http', 'request', {
      default: false,
      onReturn: (answered, ret) => {
        if (answered) ret(true)
      },
    })
  }

  answers(request: HttpRequest, response: HttpResponse): boolean {
    return this.#hook.has() !== 0 && this.#hook.call(request, response)
  }
}
