import { existsSync, statSync } from 'node:fs'
import { basename, extname, isAbsolute, join } from 'node:path'
import { checkOptions, invalid, shown } from '../arguments'
import { importFile } from './imports'
import type { PhaseResult } from './module-def'
import { ModuleError, type ModulePhase, messageOf } from './module-error'
import { type PhaseCall, runPhase, settledPhase } from './phase'
import { foldersOf, type SearchPath } from './scan'

/** What an image has as `magic`: it is one of Heddle's. */
export const DSO_MAGIC = 0x48_44_4c_45
/** What an image has as `abi`: the phases it was written for. */
export const DSO_ABI = 1

/** What `load` is told of an image: the hash that `config` gets. (MO-19) */
export type DsoConfig = Readonly<Record<string, string>>

/** One image as its own functions see it. */
export interface DsoSelf {
  readonly name: string
  readonly file: string
  /** Of the image alone. */
  data: unknown
}

/**
 * What a file exports, as its default, to be loaded in libmtev's manner. Its functions fail by throwing, by rejecting, and by a
 * result that is neither nothing nor a number from 0 on. (MO-19)
 */
export interface DsoImage {
  readonly magic: number
  readonly abi: number
  readonly name: string
  readonly type: 'generic' | 'loader'
  /** At once after it was loaded. */
  onload?(self: DsoSelf): PhaseResult
  /** With what stands in the configuration for it. */
  config?(self: DsoSelf, config: DsoConfig): PhaseResult
  init?(self: DsoSelf): PhaseResult
  /** When listeners are there. */
  postInit?(self: DsoSelf): PhaseResult
  /** Of a loader: makes a generic image of something that is none, of a script for instance. */
  load?(self: DsoSelf, image: string, config: DsoConfig): DsoImage | Promise<DsoImage>
}

/** What is loaded, and by whom. */
export interface DsoSpec {
  /** A path, or a name in the search path, with or without its ending. With a loader: whatever that takes. */
  readonly image: string
  /** What it has to be. Default 'generic'. */
  readonly type?: 'generic' | 'loader'
  /** Name of a loader that was loaded before. */
  readonly loader?: string
  /** Folders to look in before those of the Dso. */
  readonly searchPath?: SearchPath
  readonly config?: DsoConfig
}

/** Where a Dso looks, and how much it bears. */
export interface DsoOptions {
  readonly searchPath?: SearchPath
  /** Milliseconds one function may take, and the top level of a file. At least 1. Default 30,000. */
  readonly timeout?: number
  /** So many images may fail before the start does. Default 0. */
  readonly tolerated?: number
}

type State = 'configured' | 'initialised' | 'running' | 'failed'

interface Loaded {
  readonly image: DsoImage
  readonly self: DsoSelf
  state: State
}

const OPTIONS: ReadonlySet<string> = new Set(['searchPath', 'timeout', 'tolerated'])
const SPEC: ReadonlySet<string> = new Set(['image', 'type', 'loader', 'searchPath', 'config'])
const ENDINGS = ['', '.mjs', '.js', '.cjs']
const FUNCTIONS = ['onload', 'config', 'init', 'postInit', 'load'] as const

/**
 * Images in libmtev's manner: loaded, told so, configured, then initialised together, and once more when the listeners are
 * there. One that fails is left out and counted; more than are tolerated stop the start. For modules with manifests, options
 * and generations there is Modules. Thread rule: the isolate that made it. (MO-19)
 */
export class Dso {
  readonly #folders: readonly string[]
  readonly #timeout: number
  readonly #tolerated: number
  readonly #loaded = new Map<string, Loaded>()
  /** Names of images that are being loaded. */
  readonly #taken = new Set<string>()
  readonly #failures: ModuleError[] = []

  /** ERR_INVALID_ARGUMENT. */
  constructor(options: DsoOptions = {}) {
    checkOptions('Dso', options, OPTIONS, "{ searchPath: 'modules' }")
    const { searchPath, timeout = 30_000, tolerated = 0 } = options
    checkNumber('timeout', timeout, 1)
    checkNumber('tolerated', tolerated, 0)
    this.#folders = foldersOf(searchPath)
    this.#timeout = timeout
    this.#tolerated = tolerated
  }

  /** What has failed so far. */
  get failures(): readonly ModuleError[] {
    return [...this.#failures]
  }

  /** Images by name, and how far they are. */
  list(): readonly {
    readonly name: string
    readonly type: string
    readonly file: string
    readonly state: State
  }[] {
    return [...this.#loaded.values()].map(({ image, self, state }) => {
      return { name: image.name, type: image.type, file: self.file, state }
    })
  }

  /**
   * Loads an image, calls `onload`, then `config`. What fails is counted and thrown: ERR_DSO_LOAD (there is none), ERR_MODULE_LOAD (the
   * file cannot be imported), ERR_DSO_SYMBOL (it is no image), ERR_DSO_ABI, ERR_MODULE_DUPLICATE, ERR_MODULE_FAILED, ETIME.
   */
  async load(spec: DsoSpec): Promise<string> {
    checkOptions('load', spec, SPEC, "{ image: 'hello' }")
    const { image: name, config = {} } = spec
    if (typeof name !== 'string' || name === '') throw invalid('image', 'is a path or a name', name)
    try {
      const { image, file } = await this.#find(spec)
      await this.#take(image, file, config)
      return image.name
    } catch (error) {
      throw this.#count(error, name)
    }
  }

  /** Calls `init` of all, in the order of their loading. ERR_MODULE_FAILED: more have failed than are tolerated. */
  init(): Promise<void> {
    return this.#all('configured', 'initialised', 'init')
  }

  /** Calls `postInit` of all that were initialised. ERR_MODULE_FAILED as `init`. */
  postInit(): Promise<void> {
    return this.#all('initialised', 'running', 'postInit')
  }

  /** Its first two phases. The name is its own from their begin. */
  async #take(image: DsoImage, file: string, config: DsoConfig): Promise<void> {
    const { name } = image
    if (this.#loaded.has(name) || this.#taken.has(name))
      throw new ModuleError('ERR_MODULE_DUPLICATE', `an image is called ${name} already`, { module: name })
    this.#taken.add(name)
    try {
      const self: DsoSelf = Object.seal({ name, file, data: undefined })
      await this.#call(image, 'onload', () => image.onload?.(self))
      await this.#call(image, 'config', () => image.config?.(self, Object.freeze({ ...config })))
      this.#loaded.set(name, { image, self, state: 'configured' })
    } finally {
      this.#taken.delete(name)
    }
  }

  async #all(from: State, to: State, phase: 'init' | 'postInit'): Promise<void> {
    for (const loaded of this.#loaded.values()) {
      if (loaded.state !== from) continue
      const { image, self } = loaded
      try {
        await this.#call(image, phase, () => image[phase]?.(self))
        loaded.state = to
      } catch (error) {
        loaded.state = 'failed'
        this.#count(error, image.name)
      }
    }
    const failed = this.#failures.length
    if (failed <= this.#tolerated) return
    const reasons = this.#failures.map(({ message }) => message).join('; ')
    const text = `${failed} images failed, ${this.#tolerated} may: ${reasons}`
    throw new ModuleError('ERR_MODULE_FAILED', text, { cause: this.#failures[0] })
  }

  async #find({
    image,
    type = 'generic',
    loader,
    searchPath,
    config = {},
  }: DsoSpec): Promise<{ image: DsoImage; file: string }> {
    if (loader !== undefined) return { image: await this.#loadBy(loader, image, config), file: image }
    const file = fileOf(image, [...foldersOf(searchPath), ...this.#folders])
    const exports = await importFile(file, image, {
      timeout: this.#timeout,
      late: (error) => void this.#count(error, image),
    })
    return { image: checkImage(exports.default, file, type), file }
  }

  async #loadBy(name: string, image: string, config: DsoConfig): Promise<DsoImage> {
    const loader = this.#loaded.get(name)
    if (loader?.image.type !== 'loader')
      throw new ModuleError('ERR_DSO_LOAD', `${image}: no loader is called ${shown(name)}`, { module: image })
    if (loader.state === 'failed')
      throw new ModuleError('ERR_DSO_LOAD', `${image}: the loader ${shown(name)} has failed`, {
        module: image,
      })
    const { load } = loader.image
    const made = await settledPhase(this.#phase(name, 'load', () => load?.(loader.self, image, config)))
    return checkImage(made, image, 'generic')
  }

  #call(
    { name }: DsoImage,
    what: 'onload' | 'config' | 'init' | 'postInit',
    run: () => PhaseResult,
  ): Promise<void> {
    const phase = what === 'config' ? 'confSetup' : what === 'onload' ? 'load' : 'extInit'
    return runPhase({ ...this.#phase(name, phase, run), isSuccess: isNotNegative })
  }

  #phase<R>(module: string, phase: ModulePhase, run: () => R): PhaseCall<R> {
    const late = (error: ModuleError): void => void this.#count(error, module)
    return { module, phase, timeout: this.#timeout, run, late }
  }

  #count(error: unknown, image: string): ModuleError {
    const known =
      error instanceof ModuleError
        ? error
        : new ModuleError('ERR_DSO_LOAD', `${image}: ${messageOf(error)}`, { module: image, cause: error })
    this.#failures.push(known)
    return known
  }
}

function checkNumber(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value < 2 ** 31) return
  throw invalid(name, `is a whole number from ${least} on`, value)
}

/** What libmtev takes for success. */
function isNotNegative(result: unknown): boolean {
  return result === undefined || (typeof result === 'number' && result >= 0)
}

function fileOf(image: string, folders: readonly string[]): string {
  const stems = isAbsolute(image) ? [image] : folders.map((folder) => join(folder, image))
  const tried = stems.flatMap((stem) => ENDINGS.map((ending) => stem + ending))
  const file = tried.find((path) => existsSync(path) && statSync(path).isFile())
  if (file !== undefined && ['.mjs', '.js', '.cjs'].includes(extname(file))) return file
  const where =
    file === undefined ? `not in ${folders.join(', ') || 'an empty search path'}` : 'not JavaScript'
  throw new ModuleError('ERR_DSO_LOAD', `image ${image}: ${where}`, { module: basename(image) })
}

/** Its members are read once. ERR_DSO_SYMBOL, ERR_DSO_ABI. */
function checkImage(given: unknown, file: string, type: string): DsoImage {
  const image = copyOf(given)
  const failed = (code: string, text: string): ModuleError =>
    new ModuleError(code, `${file}: ${text}`, { file })
  if (image?.magic !== DSO_MAGIC)
    throw failed('ERR_DSO_SYMBOL', 'its default export is no image: magic is not DSO_MAGIC')
  if (image.abi !== DSO_ABI)
    throw failed('ERR_DSO_ABI', `the image is of ABI ${shown(image.abi)}, this is ABI ${DSO_ABI}`)
  if (typeof image.name !== 'string' || image.name === '')
    throw failed('ERR_DSO_SYMBOL', 'the image has no name')
  if (image.type !== type) throw failed('ERR_DSO_SYMBOL', `the image is ${shown(image.type)}, not '${type}'`)
  for (const name of FUNCTIONS)
    if (image[name] !== undefined && typeof image[name] !== 'function')
      throw failed('ERR_DSO_SYMBOL', `${name} is a function, not ${shown(image[name])}`)
  if (type === 'loader' && image.load === undefined)
    throw failed('ERR_DSO_SYMBOL', 'a loader has a function load')
  return image as unknown as DsoImage
}

function copyOf(given: unknown): Record<string, unknown> | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const members = ['magic', 'abi', 'name', 'type', ...FUNCTIONS]
  try {
    return Object.fromEntries(members.map((name) => [name, (given as Record<string, unknown>)[name]]))
  } catch {
    return undefined
  }
}
