import { checkOptions, invalid } from '../arguments'
import { HeddleError } from '../errors'
import { selectBackend } from '../backend/select'
import { Eventer } from '../eventer/eventer'
import { FdEvent } from '../eventer/fd-event'
import { Loop } from '../eventer/loop'
import { AcoDescriptor } from './aco-descriptor'
import type { AcoEvent } from './aco-event'
import { type Adoptable, type Adopted, adoptFor, isAdopted, releaseFrom } from './adopt'
import { located, type ModuleTarget, NATIVE } from '../jobq/targets'
import { type AcoFunction, Coroutine, type CoroutineInfo } from './coroutine'
import { current } from './current'
import { Gate } from './gate'
import { postStart, receiveStarts, startTarget } from './remote-start'
import { NativeCoroutine } from './native-coroutine'
import { loadModule } from './native-module'
import { NativeRuntime, nativeBackend } from './native-runtime'
import { type NativeStartOptions, shareStacks, type SharedStacksOptions, startNative } from './native-start'
import { Runtime } from './runtime'
import { type ResumeReport, watchers } from './watchers'

/** How a coroutine starts. */
export interface AcoStartOptions {
  /** Shown by `aco.list` and in errors; that of the function unless given. */
  readonly name?: string
  /** Cancels it: pending waits and all later ones reject with its reason. (AC-32) */
  readonly signal?: AbortSignal
  /**
   * The loop it belongs to; of another isolate its `loopId`. Default: that of the coroutine or callback which starts it, elsewhere
   * the first.
   */
  readonly owner?: Loop | number
}

/** Counts of the coroutines of this isolate's eventer. Those of stacks are of native coroutines: others have none. */
export interface AcoStats {
  /** Ever started by `start` and `startNative`. */
  readonly started: number
  readonly live: number
  /** Resumes after a wait; of native coroutines the first one counts as well. */
  readonly switches: number
  /** Stacks put aside because another coroutine needed the place, and brought back. */
  readonly copiesOut: number
  readonly copiesIn: number
  /** Both ways. */
  readonly bytesCopied: number
  /** Held now for stacks that are put aside. */
  readonly saveStackBytes: number
  /** The largest stack that was in use at a wait. */
  readonly maxStackSeen: number
}

const START: ReadonlySet<string> = new Set<keyof AcoStartOptions>(['name', 'signal', 'owner'])

/**
 * Coroutines of this isolate: async functions whose waits are events of a loop. Where a function has to wait it reads as if
 * it blocked; between two waits nothing else runs on its loop.
 *
 * Thread rule: the isolate of the eventer. ERR_NOT_INIT before `Eventer.init`.
 */
export class Aco {
  /** @internal Use `aco`. */
  constructor() {
    receiveStarts()
  }

  /**
   * Starts a coroutine: `fn` runs at once until its first wait, before this returns. Its errors go to whoever asks for
   * `done`, otherwise they are reported as those of event callbacks are.
   *
   * An export of a module may stand for the function. It is loaded first, and may be started from an isolate that has no
   * eventer of its own: then on the loop `owner` names, otherwise on the first loop of the isolate that started this one,
   * with a copy of `arg`; what is returned is undefined. ERR_NOT_INIT, ERR_INVALID_ARGUMENT. (AC-01)
   */
  start<R>(fn: AcoFunction<undefined, R>): Coroutine<undefined, R>
  start<A, R>(fn: AcoFunction<A, R>, arg: A, options?: AcoStartOptions): Coroutine<A, R>
  start(target: ModuleTarget, arg?: unknown, options?: AcoStartOptions): Coroutine | undefined
  start<A, R>(
    what: AcoFunction<A, R> | ModuleTarget,
    arg?: A,
    options: AcoStartOptions = {},
  ): Coroutine<A, R> | Coroutine | undefined {
    checkStart(options)
    const { name, signal, owner } = options
    if (typeof what === 'function') {
      if (typeof owner === 'number') throw invalid('owner of a function', 'is a loop of this isolate', owner)
      const loop = owner ?? homeLoop()
      return Runtime.of(loop.core).start(loop, what, arg as A, { name, signal })
    }
    const target = located(what)
    if (target.module === NATIVE)
      throw invalid('aco.start takes', 'no native procedure (see startNative)', what)
    const message = { target, name, arg }
    const loop = typeof owner === 'object' ? owner : ownLoop(owner)
    if (loop !== undefined) return startTarget(loop, message, signal)
    if (signal !== undefined) throw invalid('signal', 'cannot cross threads: it is left out', signal)
    postStart(message, owner as number | undefined)
    return undefined
  }

  /** The coroutine that runs now; undefined outside. */
  current(): Coroutine | undefined {
    return current.coroutine
  }

  /** The argument of the coroutine that runs now. ERR_NOT_IN_ACO. (AC-03) */
  arg<T = unknown>(): T {
    return this.#self('arg').arg as T
  }

  /** Whether this runs in a coroutine; with an argument, whether that is adopted by one. (AC-25) */
  isAco(...object: readonly unknown[]): boolean {
    return object.length === 0 ? current.coroutine !== undefined : isAdopted(object[0])
  }

  /**
   * Makes a classic descriptor event that is not scheduled, or a connection, an event of this coroutine, or of `co` when
   * called elsewhere. ERR_NOT_IN_ACO, ERR_EVENT_SCHEDULED, EINVAL for timed events, ERR_NOT_SUPPORTED for recurrent
   * ones. (AC-14, AC-27)
   */
  adopt(event: FdEvent, co?: Coroutine): AcoDescriptor
  adopt<E extends AcoEvent>(object: Adoptable<E>, co?: Coroutine): E
  adopt(object: FdEvent | Adoptable, co?: Coroutine): AcoEvent {
    if (co !== undefined && !(co instanceof Coroutine)) throw invalid('adopt takes', 'a coroutine', co)
    const owner = co ?? this.#self('adopt')
    return object instanceof FdEvent ? AcoDescriptor.adopt(object, owner) : adoptFor(object, owner)
  }

  /** Makes it classic again; no byte is lost. EBUSY while somebody waits there. (AC-14) */
  release<C>(event: Adopted<C>): C {
    return releaseFrom(event)
  }

  /**
   * Hands a value to a coroutine that is parked, or will be: one value is kept. False: it has ended, or has a value
   * already. A native one takes a bigint of 64 bits without sign. (AC-31)
   */
  unpark(co: Coroutine | NativeCoroutine, value?: unknown): boolean {
    if (co instanceof NativeCoroutine) return co.unpark(nativeValue(value))
    if (!(co instanceof Coroutine)) throw invalid('unpark takes', 'a coroutine', co)
    return co.unpark(value)
  }

  /** Runs a function that must not wait. ERR_ACO_YIELD: it tried to, or returned a promise. (AC-07) */
  assertNoYield<T>(fn: () => T): T {
    if (typeof fn !== 'function') throw invalid('assertNoYield takes', 'a function', fn)
    const co = current.coroutine
    const result = co === undefined ? fn() : Runtime.of(co.loop.core).still(fn)
    if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function')
      return result
      // What becomes of it is of no interest any more: the error here says it all.
    ;(result as PromiseLike<unknown>).then(ignore, ignore)
    throw new HeddleError('ERR_ACO_YIELD')
  }

  /** Collects asynchronous calls, to wait for all of them at once. (AC-24) */
  gate(): Gate {
    const loop = homeLoop()
    return new Gate(loop)
  }

  /**
   * Loads a native module, a shared library that registers procedures, until the process ends. Again, or from another
   * isolate, it does nothing. May be called before `Eventer.init`. ENOENT and the like; ERR_DSO_LOAD, ERR_DSO_SYMBOL,
   * ERR_DSO_ABI, ERR_DSO_REGISTER; ERR_NATIVE_REQUIRED.
   */
  load(path: string | URL): void {
    loadModule(nativeBackend(selectBackend()), path)
  }

  /**
   * Starts a registered procedure of a native module as a coroutine, which runs at once until its first wait, before this
   * returns. The bytes are copied. ENOENT: no module has registered the name. ENOMEM, ENFILE, ERR_NOT_INIT,
   * ERR_INVALID_ARGUMENT, ERR_NATIVE_REQUIRED. (AC-02)
   */
  startNative(name: string, argument?: Uint8Array, options: NativeStartOptions = {}): NativeCoroutine {
    return startNative(homeLoop, name, argument, options)
  }

  /**
   * Says how many stacks the native coroutines of a loop share, and how large they are: before the first of them.
   * ERR_TOO_LATE, ENOMEM, ERR_NATIVE_REQUIRED. (AC-05)
   */
  shareStacks(options: SharedStacksOptions): void {
    shareStacks(homeLoop, options)
  }

  /**
   * Nanoseconds that a resume and the wait that answers it take together in native code, on average over so many on this
   * thread just now. ERR_NATIVE_REQUIRED, ENOMEM. (AC-34)
   */
  switchNs(iterations = 100_000): number {
    if (!Number.isSafeInteger(iterations) || iterations < 1)
      throw invalid('switchNs takes', 'a number of iterations', iterations)
    const ns = nativeBackend(selectBackend()).switchNs(iterations)
    if (ns < 0) throw new HeddleError('ENOMEM')
    return ns
  }

  /** The live coroutines: async functions, oldest first, then native ones of each loop. (AC-33) */
  list(): CoroutineInfo[] {
    const { core } = Eventer.current()
    const native = [...(NativeRuntime.find(core)?.loops ?? [])]
    return [
      ...[...(Runtime.find(core)?.live ?? [])].map(({ info }) => info),
      ...native.flatMap((loop) => loop.list()),
    ]
  }

  /** (AC-05) */
  stats(): AcoStats {
    const { core } = Eventer.current()
    const runtime = Runtime.find(core)
    const total = {
      started: runtime?.started ?? 0,
      live: runtime?.live.size ?? 0,
      switches: runtime?.switches ?? 0,
      ...{ copiesOut: 0, copiesIn: 0, bytesCopied: 0, saveStackBytes: 0, maxStackSeen: 0 },
    }
    for (const loop of NativeRuntime.find(core)?.loops ?? []) {
      const { maxStackSeen, ...sums } = loop.stats()
      total.started += loop.started
      for (const [name, count] of Object.entries(sums)) total[name as keyof typeof sums] += count
      total.maxStackSeen = Math.max(total.maxStackSeen, maxStackSeen)
    }
    return total
  }

  /** Calls the listener each time a wait is over, before the coroutine goes on; see `ResumeReport`. (AC-06) */
  on(event: 'resume', listener: (report: ResumeReport) => void): this {
    checkListener('on', event, listener)
    watchers.add(listener)
    return this
  }

  off(event: 'resume', listener: (report: ResumeReport) => void): this {
    checkListener('off', event, listener)
    watchers.delete(listener)
    return this
  }

  #self(call: string): Coroutine {
    const co = current.coroutine
    if (co === undefined) throw new HeddleError('ERR_NOT_IN_ACO', `${call} is called outside of a coroutine`)
    return co
  }
}

function checkStart(options: AcoStartOptions): void {
  checkOptions('aco.start', options, START, '{ signal }')
  const { name, signal, owner } = options
  if (name !== undefined && typeof name !== 'string') throw invalid('name', 'is a string', name)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal', 'is an AbortSignal', signal)
  if (owner !== undefined && !(owner instanceof Loop) && !Number.isInteger(owner))
    throw invalid('owner', 'is a loop, or the id of one', owner)
}

/** The loop of this isolate with that id, or the one to use by default; undefined if there is none here. */
function ownLoop(loopId: number | undefined): Loop | undefined {
  const eventer = Eventer.find()
  if (loopId === undefined) return eventer?.homeLoop()
  return eventer?.core.loops.find((loop) => loop.loopId === loopId)
}

function homeLoop(): Loop {
  return Eventer.current().homeLoop()
}

function nativeValue(value: unknown): bigint {
  if (typeof value === 'bigint' && BigInt.asUintN(64, value) === value) return value
  throw invalid('what a native coroutine is handed', 'is a bigint from 0n to 2n ** 64n - 1n', value)
}

function checkListener(call: string, event: string, listener: unknown): void {
  if (event !== 'resume') throw invalid(`${call} takes`, "the event 'resume'", event)
  if (typeof listener !== 'function') throw invalid(`${call} takes`, 'a function', listener)
}

function ignore(): void {}
