import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileModule } from '../native-module'
import { type Site, siteOf } from '../unit/modules-harness'

/** A site whose search path has test/modules/probe.c, compiled with these names, as the module `probe`. */
export function probeSite(...defines: string[]): Site {
  return moduleSite('test/modules/probe.c', 'probe', defines)
}

/** The native module of a source file under a name. */
export function moduleSite(source: string, name: string, defines: readonly string[] = []): Site {
  const site = siteOf({ [`${name}.ecm`]: `[${name}]\n` })
  copyFileSync(compileModule(source, defines), join(site.folder, `${name}.so`))
  return site
}

/** Calls of a hook, as they come. */
export class Told {
  readonly calls: unknown[][] = []
  #waiting: (() => void)[] = []

  readonly provider = (_self: unknown, ...values: unknown[]): undefined => {
    this.calls.push(values)
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  /** Resolves when there have been so many. */
  async reached(count: number): Promise<void> {
    while (this.calls.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
