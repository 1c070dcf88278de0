import { invalid } from '../arguments'
import type { ExportTarget } from '../eventer'
import { importExport } from '../eventer/pools/target'
import type { HttpRequest } from './request'
import type { HttpResponse } from './response'
import type { HttpHandler } from './router'

/** A handler that is named by its module and export; `load` before it runs, or its first requests wait for that. */
export class NamedHandler {
  readonly #target: ExportTarget
  #handler: HttpHandler | undefined
  #loading: Promise<void> | undefined

  constructor(target: ExportTarget) {
    this.#target = target
  }

  /** ERR_INVALID_ARGUMENT: no such export, or no function; else what the module fails with. */
  load(): Promise<void> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  run(request: HttpRequest, response: HttpResponse): unknown {
    if (this.#handler !== undefined) return this.#handler(request, response)
    return this.load().then(() => this.run(request, response))
  }

  async #load(): Promise<void> {
    const found = await importExport(this.#target)
    if (typeof found !== 'function')
      throw invalid(`${this.#target.export} of ${String(this.#target.module)}`, 'is a function', found)
    this.#handler = found as HttpHandler
  }
}
