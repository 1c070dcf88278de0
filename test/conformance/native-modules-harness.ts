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
  return nativeSite(source, `[${name}]\n`, defines)
}

/** The native modules of a source file, with its manifest. */
export function nativeSite(source: string, manifest: string, defines: readonly string[] = []): Site {
  const site = siteOf({ 'native.ecm': manifest })
  copyFileSync(compileModule(source, defines), join(site.folder, 'native.so'))
  return site
}

/** test/modules/peers.c. */
export function peerSite(): Site {
  return nativeSite('test/modules/peers.c', '[caller]\n[second]\n[giver]\nmsys.requires = caller\n')
}

/** Started: what `text` names is loaded, and the start is over. */
export async function started(site: Site, text = 'probe { }'): Promise<Site> {
  await site.config.loadText(text)
  await site.modules.postInit()
  return site
}

export async function command(site: Site, line: string, xml = false): Promise<string> {
  return (await site.modules.control(line, { xml })).text
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
