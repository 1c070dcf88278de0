import type { Capabilities } from './backend/backend'
import { selectBackend } from './backend/select'

/** What is installed and what it runs on. */
export interface Version {
  /** Version of the package. */
  readonly package: string
  /** Version of the native core, which is built with the package; undefined on the JavaScript backend. */
  readonly native: string | undefined
  /** Node-API level of the running Node. */
  readonly napi: number
  /** Names of the capabilities that are there. */
  readonly features: readonly string[]
}

/** What the backend of this isolate can do. A feature whose flag is false fails with ERR_NATIVE_REQUIRED. (PK-02) */
export function capabilities(): Capabilities {
  return selectBackend().capabilities
}

/** Versions and features, for reports and for programs that adapt. (PK-09) */
export function version(): Version {
  const { version: own } = require('../package.json') as { version: string }
  const found = capabilities()
  return {
    package: own,
    native: found.backend === 'native' ? own : undefined,
    napi: Number(process.versions.napi),
    features: Object.entries(found)
      .filter(([, value]) => value === true)
      .map(([name]) => name),
  }
}
