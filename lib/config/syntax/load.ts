import { dirname, join, resolve } from 'node:path'
import { checkOptions, invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import { type ReadDirectory, type ReadFile, readPath } from '../files'
import { ConfigError } from './config-error'
import type { ConfigTree, IncludeNode, SettingNode, StanzaNode, StatementNode } from './node'
import { parseConfig } from './parser'

/** Where files come from and how much of them there may be. */
export interface LoadOptions {
  /**
   * A file that is read after all others, so that it wins, and that takes the changes which have no other place.
   * It need not exist. Relative to the working directory. (CF-31)
   */
  readonly localChangesFile?: string
  /** All changes go to the local changes file, none to where a value came from. Default: false. (CF-31) */
  readonly localChangesOnly?: boolean
  /** Bytes of one file. Default: 16 MiB. */
  readonly maxFileBytes?: number
  /** Characters of all files, each as often as it is included. Default: 16 Mi. */
  readonly maxTotalCharacters?: number
  /** Files within each other. Default: 16. */
  readonly maxIncludeDepth?: number
  /** How often files are included, all together. Default: 10,000. */
  readonly maxIncludes?: number
  /** What is at a path, in place of the file system. */
  readonly read?: (path: string, maxBytes: number) => Promise<ReadFile | ReadDirectory>
}

/** A file that was read. */
export interface LoadedFile {
  /** As the nodes and messages call it. */
  readonly path: string
  /** Absolute, without symbolic links. */
  readonly realPath: string
  readonly tree: ConfigTree
  /** Brought in by a `readonly_include`, or by a file that was. */
  readonly readonly: boolean
  /** How often it was included; 1 for the main file and the local changes file. */
  readonly inclusions: number
  /** False for what is read-only or included twice: such a file is never written. */
  readonly writable: boolean
}

/** A statement that is no include. */
export type LoadedStatement = SettingNode | StanzaNode

/** A configuration with all its files. Immutable. */
export interface Loaded {
  readonly root: LoadedFile
  /** By `file` of the nodes. */
  readonly files: ReadonlyMap<string, LoadedFile>
  /** All statements in order, what was included in the place of its include, the local changes last. */
  readonly body: readonly LoadedStatement[]
  /** Path of the local changes file, if one was asked for. `files` has it if it exists. */
  readonly localChangesFile: string | undefined
  readonly localChangesOnly: boolean
}

const LIMITS = ['maxFileBytes', 'maxTotalCharacters', 'maxIncludeDepth', 'maxIncludes'] as const
const OPTIONS: ReadonlySet<string> = new Set(['localChangesFile', 'localChangesOnly', 'read', ...LIMITS])

/** Where an include stands; undefined for the main file. */
interface Asker {
  readonly node: IncludeNode
  readonly file: Entry
  readonly depth: number
  readonly chain: Link | undefined
}

/** The files that are being included, innermost first. */
interface Link {
  readonly realPath: string
  readonly path: string
  readonly outer: Link | undefined
}

/**
 * Reads a file and all that it includes. A path that is not absolute is looked for beside the file that includes it,
 * then beside the main file; a directory stands for its files in the order of their names, without those that begin
 * with a dot and without directories below it. The error it throws holds all that were found in all files. Errors:
 * those of `parseConfig`, ERR_CONFIG_INCLUDE for a circle, ERR_CONFIG_LIMIT, ERR_CONFIG_ENCODING, ERR_CONFIG_FILE,
 * POSIX names (ENOENT, EACCES, EISDIR …) for what the system refuses. (CF-30, CF-31)
 */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<Loaded> {
  checkOptions('loadConfig', options, OPTIONS, "{ localChangesFile: 'local.conf' }")
  for (const name of LIMITS) {
    const limit = options[name]
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
      throw invalid(name, 'is a number, from 0', limit)
  }
  return await new Loader(options).load(path)
}

/** A file while the reading goes on. */
class Entry implements LoadedFile {
  readonly path: string
  readonly realPath: string
  readonly tree: ConfigTree
  readonly: boolean
  inclusions = 0

  constructor(path: string, realPath: string, tree: ConfigTree, readonly: boolean) {
    this.path = path
    this.realPath = realPath
    this.tree = tree
    this.readonly = readonly
  }

  get writable(): boolean {
    return !this.readonly && this.inclusions === 1
  }
}

class Loader {
  readonly #files = new Map<string, Entry>()
  readonly #byRealPath = new Map<string, Entry>()
  readonly #errors: ConfigError[] = []
  readonly #options: LoadOptions
  readonly #maxBytes: number
  /** What was found already: a file that changes while it is read twice is still one file. */
  readonly #found = new Map<string, ReadFile | ReadDirectory>()
  #mainFolder = '.'
  #includes = 0
  #characters = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#maxBytes = options.maxFileBytes ?? 16 * 1024 * 1024
  }

  async load(path: string): Promise<Loaded> {
    const { localChangesFile, localChangesOnly = false } = this.#options
    const file = await this.#readMain(path)
    this.#mainFolder = dirname(file.realPath)
    const root = this.#enter(path, file, false)
    const main = await this.#expandFile(root, undefined)
    const local = localChangesFile === undefined ? undefined : await this.#readLocal(localChangesFile)
    const body = local === undefined ? main : main.concat(await this.#expandFile(local, undefined))
    this.#throwErrors()
    // Under the name that nodes have, if it was included as well under another.
    const localPath = local?.path ?? localChangesFile
    return { root, files: this.#files, body, localChangesFile: localPath, localChangesOnly }
  }

  async #read(path: string): Promise<ReadFile | ReadDirectory> {
    const { read = readPath } = this.#options
    const found = this.#found.get(path) ?? (await read(path, this.#maxBytes))
    this.#found.set(path, found)
    return found
  }

  async #readMain(path: string): Promise<ReadFile> {
    const main = await this.#read(path)
    if (main.kind === 'file') return main
    throw new ConfigError('EISDIR', 'this is a directory', { file: path }, { path })
  }

  async #readLocal(path: string): Promise<Entry | undefined> {
    try {
      const file = await this.#readMain(path)
      return this.#enter(path, file, false)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** Notes a file that was read; its errors are thrown at the end. */
  #enter(path: string, { realPath, text }: ReadFile, readonly: boolean): Entry {
    const known = this.#byRealPath.get(realPath)
    const entry = known ?? new Entry(path, realPath, this.#parse(path, text), readonly)
    entry.inclusions++
    entry.readonly ||= readonly
    this.#byRealPath.set(realPath, entry)
    this.#files.set(entry.path, entry)
    return entry
  }

  #parse(path: string, text: string): ConfigTree {
    try {
      return parseConfig(text, { file: path })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#errors.push(...error.all)
      return { file: path, text, body: [] }
    }
  }

  async #expandFile(file: Entry, asker: Asker | undefined): Promise<readonly LoadedStatement[]> {
    this.#countCharacters(file, asker)
    return await this.#expand(file.tree.body, file, asker)
  }

  async #expand(
    body: readonly StatementNode[],
    file: Entry,
    asker: Asker | undefined,
  ): Promise<readonly LoadedStatement[]> {
    if (!body.some(holdsInclude)) return body as readonly LoadedStatement[]
    const expanded: LoadedStatement[] = []
    for (const node of body) {
      if (node.kind === 'include') await this.#include(node, file, asker, expanded)
      else if (node.kind === 'setting') expanded.push(node)
      else expanded.push({ ...node, body: await this.#expand(node.body, file, asker) })
    }
    return expanded
  }

  async #include(
    node: IncludeNode,
    file: Entry,
    outer: Asker | undefined,
    into: LoadedStatement[],
  ): Promise<void> {
    const { maxIncludeDepth = 16 } = this.#options
    const chain: Link = { realPath: file.realPath, path: file.path, outer: outer?.chain }
    const asker: Asker = { node, file, depth: (outer?.depth ?? 0) + 1, chain }
    if (asker.depth > maxIncludeDepth)
      throw errorAt(asker, 'ERR_CONFIG_LIMIT', `more than ${maxIncludeDepth} files within each other`)
    try {
      for await (const [path, found] of this.#find(asker)) {
        for (const statement of await this.#includeFile(path, found, asker)) into.push(statement)
      }
    } catch (error) {
      // A limit ends the reading; of other errors all are wanted.
      if (!(error instanceof ConfigError) || error.code === 'ERR_CONFIG_LIMIT') throw error
      this.#errors.push(error)
    }
  }

  async #includeFile(path: string, found: ReadFile, asker: Asker): Promise<readonly LoadedStatement[]> {
    const { maxIncludes = 10_000 } = this.#options
    checkCircle(path, found.realPath, asker)
    if (++this.#includes > maxIncludes)
      throw errorAt(asker, 'ERR_CONFIG_LIMIT', `more than ${maxIncludes} files included`)
    const file = this.#enter(path, found, asker.node.readonly || asker.file.readonly)
    return await this.#expandFile(file, asker)
  }

  /** The file that is meant, or those of the directory one after the other. */
  async *#find(asker: Asker): AsyncGenerator<[string, ReadFile]> {
    try {
      const [path, found] = await this.#lookUp(asker)
      if (found.kind === 'file') return yield [path, found]
      for (const name of found.names) {
        const inside = join(path, name)
        yield [inside, await this.#readMain(inside)]
      }
    } catch (error) {
      throw includeError(error, asker)
    }
  }

  /** Beside the including file, then beside the main file. */
  async #lookUp({ node: { path }, file }: Asker): Promise<[string, ReadFile | ReadDirectory]> {
    const first = resolve(dirname(file.realPath), path)
    const second = resolve(this.#mainFolder, path)
    try {
      return [first, await this.#read(first)]
    } catch (error) {
      if (first === second || !isMissing(error)) throw error
      return [second, await this.#read(second)]
    }
  }

  #countCharacters(file: Entry, asker: Asker | undefined): void {
    const { maxTotalCharacters = 16 * 1024 * 1024 } = this.#options
    this.#characters += file.tree.text.length
    if (this.#characters <= maxTotalCharacters) return
    const reason = `more than ${maxTotalCharacters} characters in all files`
    if (asker !== undefined) throw errorAt(asker, 'ERR_CONFIG_LIMIT', reason)
    throw new ConfigError('ERR_CONFIG_LIMIT', reason, { file: file.path })
  }

  #throwErrors(): void {
    const [first] = this.#errors
    if (first === undefined) return
    first.all = this.#errors
    throw first
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof HeddleError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

function holdsInclude(node: StatementNode): boolean {
  if (node.kind === 'stanza') return node.body.some(holdsInclude)
  return node.kind === 'include'
}

function checkCircle(path: string, realPath: string, asker: Asker): void {
  const paths: string[] = [path]
  for (let link = asker.chain; link !== undefined; link = link.outer) {
    paths.unshift(link.path)
    if (link.realPath !== realPath) continue
    throw errorAt(asker, 'ERR_CONFIG_INCLUDE', `files include each other: ${paths.join(' → ')}`)
  }
}

function errorAt({ node, file }: Asker, code: string, reason: string, cause?: unknown): ConfigError {
  const { line, column, start: offset } = node
  const place = { file: file.path, line, column, text: file.tree.text, offset }
  return new ConfigError(code, reason, place, cause === undefined ? {} : { cause })
}

/** What is wrong inside of a file is told there, what is wrong with the file where it is included. */
function includeError(error: unknown, asker: Asker): unknown {
  if (!(error instanceof ConfigError) || error.line !== undefined) return error
  const wrapped = errorAt(asker, error.code, `cannot include ${error.file}: ${error.reason}`, error)
  return Object.assign(wrapped, {
    ...(error.errno === undefined ? {} : { errno: error.errno, syscall: error.syscall }),
    path: resolve(error.file),
  })
}
