import { type AcoEngine, ACO_CELLS, AcoCell, AcoOutcome, type AcoStackSpec, AcoTrouble } from '../backend/aco'
import { In } from '../backend/protocol'
import { HeddleError, systemError } from '../errors'
import type { Loop } from '../eventer/loop'
import type { CoroutineInfo } from './coroutine'
import { infoOf, NativeCoroutine } from './native-coroutine'
import { watchers } from './watchers'

/** From so many bytes of stack on a resume is flagged: what is in use is what is copied. (AC-06) */
export const LARGE_STACK_BYTES = 2048

/** What counts the native coroutines of a loop. */
export interface NativeStats {
  readonly switches: number
  readonly copiesIn: number
  readonly copiesOut: number
  readonly bytesCopied: number
  readonly saveStackBytes: number
  readonly maxStackSeen: number
  readonly live: number
}

/** What a native listener is told. */
export interface NativeListenerSink {
  failed(errno: number): void
}

/** The native coroutines of one loop: starts them, and turns the records that tell of them into what they mean. */
export class NativeLoop {
  readonly loop: Loop
  readonly engine: AcoEngine
  started = 0
  readonly #coroutines = new Map<number, NativeCoroutine>()
  readonly #names = new Map<number, string>()
  readonly #listeners = new Map<string, Set<NativeListenerSink>>()
  readonly #cells = new Float64Array(ACO_CELLS)

  constructor(loop: Loop, engine: AcoEngine) {
    this.loop = loop
    this.engine = engine
    const { port } = loop
    const word = (at: number, n: number): number => port.inbox[at + n] as number
    const id = (at: number, n: number): number => (word(at, n + 1) >>> 0) * 2 ** 32 + (word(at, n) >>> 0)
    port.handle(In.ACO_ENDED, (at) => this.#ended(id(at, 1), word(at, 3)))
    port.handle(In.ACO_RESUMED, (at) => this.#resumed(id(at, 1), word(at, 3), word(at, 4)))
    port.handle(In.ACO_TROUBLE, (at) => {
      this.#trouble(word(at, 1), id(at, 2), this.#name(word(at, 4)), word(at, 5), word(at, 6))
    })
  }

  /** Runs the procedure up to its first wait. ENOENT: it is not registered. ENOMEM, ENFILE. */
  start(name: string, argument: Uint8Array | undefined, stack: AcoStackSpec): NativeCoroutine {
    this.watch()
    const id = this.engine.start(name, argument, stack)
    if (id < 0) throw startError(id, name)
    const co = new NativeCoroutine(this.loop, this.engine, id, name)
    this.started++
    this.#coroutines.set(id, co)
    return co
  }

  list(): CoroutineInfo[] {
    const tasks = this.engine.list()
    return typeof tasks === 'number' ? [] : tasks.map((task) => infoOf(task, this.loop))
  }

  stats(): NativeStats {
    const cells = this.#cells.fill(0)
    this.engine.stats(cells)
    const cell = (place: number): number => cells[place] as number
    return {
      switches: cell(AcoCell.SWITCHES),
      copiesIn: cell(AcoCell.COPIES_IN),
      copiesOut: cell(AcoCell.COPIES_OUT),
      bytesCopied: cell(AcoCell.BYTES_COPIED),
      saveStackBytes: cell(AcoCell.SAVE_BYTES),
      maxStackSeen: cell(AcoCell.MAX_STACK_SEEN),
      live: cell(AcoCell.LIVE),
    }
  }

  get live(): number {
    return this.stats().live
  }

  /** Has resumes reported while somebody wants to hear of them. */
  watch(): void {
    this.engine.reportResumes(!watchers.none || this.loop.core.debugging)
  }

  /** Who hears of failed accepts for the procedure, until it calls what is returned. */
  listens(procedure: string, sink: NativeListenerSink): () => void {
    const sinks = this.#listeners.get(procedure) ?? new Set()
    this.#listeners.set(procedure, sinks.add(sink))
    return () => void sinks.delete(sink)
  }

  /** Every wait fails from now on. */
  cancelAll(reason: unknown): void {
    for (const co of this.#coroutines.values()) co.cancel(reason)
    const tasks = this.engine.list()
    if (typeof tasks !== 'number') for (const { id } of tasks) this.engine.cancel(id)
  }

  /** Those that have not ended end with the loop; nobody will hear of it. */
  abandon(reason: unknown): void {
    for (const co of this.#coroutines.values()) {
      co.cancel(reason)
      co.end(undefined, ignore)
    }
    this.#coroutines.clear()
  }

  #ended(id: number, outcome: number): void {
    const co = this.#coroutines.get(id)
    this.#coroutines.delete(id)
    const failure = outcome === AcoOutcome.OVERFLOWED ? overflow(co?.name ?? '') : undefined
    co?.end(failure, (error) => this.#report(co.name, id, error))
  }

  #resumed(id: number, stackBytes: number, nameIndex: number): void {
    const { core } = this.loop
    const name = this.#name(nameIndex)
    const large = stackBytes > LARGE_STACK_BYTES
    if (core.debugging) {
      core.log(
        `aco resume ${name} #${id} with ${stackBytes} bytes of stack${large ? ', which is large' : ''}`,
      )
    }
    if (watchers.none) return
    const co = this.#coroutines.get(id) ?? new NativeCoroutine(this.loop, this.engine, id, name)
    try {
      watchers.resumed({ co, stackBytes, large })
    } catch (error) {
      core.report(error)
    }
  }

  #trouble(trouble: number, id: number, name: string, fd: number, errno: number): void {
    switch (trouble) {
      case AcoTrouble.OVERFLOW:
        // The handle hears of it by its end.
        if (!this.#coroutines.has(id)) this.#report(name, id, overflow(name))
        return
      case AcoTrouble.SECTION_LEAK:
        this.#leaked(name, id)
        return
      case AcoTrouble.FREED_OPEN:
        warn('HEDDLE_ACO_FREED_OPEN', `${name} freed its event, and nobody will close descriptor ${fd}`)
        return
      case AcoTrouble.NOT_CLOSED:
        warn('HEDDLE_ACO_NOT_CLOSED', `${name} returned without closing its connection, which is closed now`)
        return
      case AcoTrouble.ACCEPT_FAILED:
        for (const sink of this.#listeners.get(name) ?? []) sink.failed(errno)
    }
  }

  #leaked(name: string, id: number): void {
    const error = new HeddleError('ERR_SMR_SECTION_LEAK', `${name} ended inside a section`)
    const co = this.#coroutines.get(id)
    if (co === undefined) this.#report(name, id, error)
    else co.leak = error
  }

  #report(name: string, id: number, error: unknown): void {
    const { loop } = this
    loop.core.reportFailed(() => ({ name, loop, mask: 0, event: `aco/${name}/#${id}/${loop.name}` }), error)
  }

  #name(index: number): string {
    const known = this.#names.get(index)
    if (known !== undefined) return known
    const name = this.engine.name(index) || 'native'
    this.#names.set(index, name)
    return name
  }
}

/** Why a procedure cannot be started. */
export function startError(errno: number, name: string): HeddleError {
  const error = systemError(errno, 'aco.start', name)
  if (error.code !== 'ENOENT') return error
  return new HeddleError('ENOENT', `no native procedure ${name} is registered`)
}

function overflow(name: string): HeddleError {
  return new HeddleError('ERR_ACO_STACK', `${name} needed more stack than it may have`)
}

function warn(code: string, text: string): void {
  process.emitWarning(text, { type: 'HeddleWarning', code })
}

function ignore(): void {}
