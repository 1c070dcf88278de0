import { HeddleError } from '../errors'
import { type JobTarget, load, located, NATIVE } from '../jobq/targets'
import type { AsyncJob, JobWorker } from './async-job'

type Work = (job: AsyncJob, closure: unknown) => unknown

/** Exports that this isolate has loaded, so that jobs of the mode `sync` can call them without waiting. */
export class Prepared {
  readonly #functions = new Map<string, Work>()

  /** ERR_INVALID_ARGUMENT, ERR_NOT_SUPPORTED, whatever the module throws while it loads. */
  async load(target: JobTarget): Promise<void> {
    const where = located(target)
    if (where.module === NATIVE) throw unprepared(where.export, 'is native, and runs on threads only')
    this.#functions.set(keyOf(where), (await load(where)) as Work)
  }

  /** ERR_NOT_SUPPORTED: it is not loaded. */
  get(worker: JobWorker): Work {
    if (typeof worker === 'function') return worker as Work
    const where = located(worker)
    const found = this.#functions.get(keyOf(where))
    if (found !== undefined) return found
    throw unprepared(where.export, 'is not loaded: await pools.prepare({ module, export }) before')
  }
}

function keyOf({ module, export: name }: { readonly module: string; readonly export: string }): string {
  return `${name} ${module}`
}

function unprepared(name: string, why: string): HeddleError {
  return new HeddleError('ERR_NOT_SUPPORTED', `the mode sync cannot run ${name}: it ${why}`)
}
