import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { messageOf, ModuleError } from './module-error'
import { inTime } from './phase'

type Exports = Record<string, unknown>

/** How the code of a module is imported. */
export interface ImportLimits {
  /** Milliseconds that its top level may take. */
  readonly timeout: number
  /** Told when an import that was given up fails after all. */
  readonly late: (error: ModuleError) => void
}

/** A file as it was when it was imported last. */
interface Imported {
  readonly digest: string
  /** When it was written, in nanoseconds. */
  readonly written: bigint
  readonly exports: Promise<Exports>
  hasFailed: boolean
  /** So often it was imported again, having failed, though nobody had written it. */
  readonly repeats: number
}

/**
 * Of this isolate, as Node's own memory of modules is, which never lets go of anything: a file is imported again only if it has
 * changed. What has failed may have failed because of something else, a service that was not there, and is repeated, but
 * not for ever.
 */
const imports = new Map<string, Imported>()
const MOST_REPEATS = 8

/** A fresh address each time one is needed: Node keeps a module, and the failure of one, under its address. */
let freshness = 0

/**
 * The exports of a file as it is now. One that has not changed since it was imported is not imported again; one that failed is
 * when it was written since, and a few times without that. ERR_MODULE_LOAD with the cause; ETIME: its top level waits for something
 * that does not come; whoever asks again goes on waiting for the same.
 */
export async function importFile(file: string, module: string, limits: ImportLimits): Promise<Exports> {
  const failed = (error: unknown): ModuleError =>
    new ModuleError('ERR_MODULE_LOAD', `${module}: ${file}: ${messageOf(error)}`, {
      module,
      phase: 'load',
      file,
      cause: error,
    })
  const expired = (): ModuleError => {
    const text = `${module}: ${file}: the import did not end within ${limits.timeout} ms`
    return new ModuleError('ETIME', text, { module, phase: 'load', file })
  }
  const late = (error: unknown): void => limits.late(failed(error))
  let overdue: ModuleError | undefined
  try {
    return await inTime(exportsOf(file), {
      timeout: limits.timeout,
      expired: () => {
        overdue = expired()
        return overdue
      },
      late,
    })
  } catch (error) {
    throw error === overdue ? error : failed(error)
  }
}

async function exportsOf(file: string): Promise<Exports> {
  return await (await current(file)).exports
}

/** The import of a file as it is now: that of before, or a new one. */
async function current(file: string): Promise<Imported> {
  const status = await stat(file, { bigint: true })
  if (!status.isFile()) throw new Error('is no regular file')
  const { mtimeNs: written } = status
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
  const known = imports.get(file)
  const isSame = known?.digest === digest
  if (isSame && !known.hasFailed) return known
  const isWritten = !isSame || known.written !== written
  if (!isWritten && known.repeats === MOST_REPEATS) return known
  return begin(file, {
    digest,
    written,
    isFresh: known !== undefined,
    repeats: isWritten ? 0 : known.repeats + 1,
  })
}

function begin(
  file: string,
  {
    digest,
    written,
    repeats,
    isFresh,
  }: Pick<Imported, 'digest' | 'written' | 'repeats'> & { readonly isFresh: boolean },
): Imported {
  const url = pathToFileURL(file)
  if (isFresh) {
    freshness += 1
    url.searchParams.set('heddle', String(freshness))
    forget(file)
  }
  const exports = import(url.href) as Promise<Exports>
  const imported: Imported = { digest, written, repeats, exports, hasFailed: false }
  exports.catch(() => {
    imported.hasFailed = true
  })
  imports.set(file, imported)
  return imported
}

/** CommonJS files are kept by path, whatever the address says. */
function forget(file: string): void {
  // A bundle may have no require, and then no such files either.
  if (typeof require === 'function') delete require.cache[file]
}
