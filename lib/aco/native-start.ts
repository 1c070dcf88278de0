import { checkOptions, flag, invalid } from '../arguments'
import type { AcoStackSpec } from '../backend/aco'
import { HeddleError, systemError } from '../errors'
import { Loop } from '../eventer/loop'
import type { NativeCoroutine } from './native-coroutine'
import { checkNativeName } from '../jobq/targets'
import { NativeRuntime } from './native-runtime'

/** The stack of a native coroutine. */
export interface NativeStackOptions {
  /** Bytes of stack that it may use, 1 KiB to 64 MiB; needing more ends it with ERR_ACO_STACK. Default 32 KiB. (AC-02) */
  readonly maxStack?: number
  /** A stack that is never copied: for large frames, and where addresses of locals are to stay good. Default false. */
  readonly ownStack?: boolean
  /** Changes of the floating-point control words stay inside. Default false. (AC-34) */
  readonly keepsFloatingControl?: boolean
}

/** How a native coroutine starts. */
export interface NativeStartOptions extends NativeStackOptions {
  /** Cancels it: its wait and all later ones fail with ECANCELED, `done` rejects with the reason. (AC-32) */
  readonly signal?: AbortSignal
  /** The loop it belongs to. Default: that of the coroutine or callback which starts it, elsewhere the first. */
  readonly owner?: Loop
}

/** The stacks that the native coroutines of a loop share. (AC-05) */
export interface SharedStacksOptions {
  /** How many, 1 to 1024: coroutines on different ones are not copied when they take turns. Default 1. */
  readonly count?: number
  /** Bytes of each, 16 KiB to 64 MiB. Default 64 KiB. */
  readonly bytes?: number
  /** Default: the first loop. */
  readonly owner?: Loop
}

const STACK = ['maxStack', 'ownStack', 'keepsFloatingControl'] as const
const START: ReadonlySet<string> = new Set([...STACK, 'signal', 'owner'])
const SHARED: ReadonlySet<string> = new Set(['count', 'bytes', 'owner'])

const MAX_BYTES = 64 * 2 ** 20

/** See `aco.startNative`. */
export function startNative(
  home: () => Loop,
  name: string,
  argument: Uint8Array | undefined,
  options: NativeStartOptions,
): NativeCoroutine {
  checkNativeName('startNative', name)
  checkOptions('aco.startNative', options, START, '{ maxStack: 16384 }')
  if (argument !== undefined && !(argument instanceof Uint8Array))
    throw invalid('the argument of a native procedure', 'is a Uint8Array, or left out', argument)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal', 'is an AbortSignal', signal)
  const stack = stackSpec(options)
  const loop = ownerOf(options.owner, home)
  const co = NativeRuntime.of(loop.core).loop(loop).start(name, argument, stack)
  if (signal !== undefined) co.follow(signal)
  return co
}

/** See `aco.shareStacks`. */
export function shareStacks(home: () => Loop, options: SharedStacksOptions): void {
  checkOptions('aco.shareStacks', options, SHARED, '{ count: 4 }')
  const count = within('count', options.count, 1, 1, 1024)
  const bytes = within('bytes', options.bytes, 64 * 2 ** 10, 16 * 2 ** 10, MAX_BYTES)
  const loop = ownerOf(options.owner, home)
  const result = NativeRuntime.of(loop.core).loop(loop).engine.setStacks(count, bytes)
  if (result >= 0) return
  const error = systemError(result, 'aco.shareStacks')
  if (error.code !== 'EALREADY') throw error
  throw new HeddleError('ERR_TOO_LATE', `${loop.name} has its shared stacks already`)
}

/** Checked, with defaults. ERR_INVALID_ARGUMENT. */
export function stackSpec(options: NativeStackOptions): AcoStackSpec {
  return {
    maxStackBytes: within('maxStack', options.maxStack, 32 * 2 ** 10, 2 ** 10, MAX_BYTES),
    ownStack: flag('ownStack', options.ownStack, false),
    keepsFloatingControl: flag('keepsFloatingControl', options.keepsFloatingControl, false),
  }
}

function within(
  name: string,
  value: number | undefined,
  otherwise: number,
  least: number,
  most: number,
): number {
  const given = value ?? otherwise
  if (Number.isInteger(given) && given >= least && given <= most) return given
  throw invalid(name, `is an integer from ${least} to ${most}`, value)
}

function ownerOf(owner: Loop | undefined, home: () => Loop): Loop {
  if (owner === undefined) return home()
  if (owner instanceof Loop) return owner
  throw invalid('owner', 'is a loop', owner)
}
