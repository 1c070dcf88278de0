/**
 * The hooks that a configuration calls: `config.post_commit` with the number of each new generation, and
 * `config.allow_writable`, whose providers may refuse a change (CF-33). Of the isolate of the Config.
 */
import { HeddleError } from '../errors'
import type { Hook, Hooks, VoidHook } from '../hooks'
import type { ConfigChange } from './transaction'

/** Why a change is refused: a sentence, or just false. Everything else allows it. */
export type WritableVerdict = string | false | true | undefined

/** The hooks of a configuration, declared or found in a Hooks. (CF-33) */
export class ConfigHooks {
  readonly postCommit: VoidHook<[generation: number]>
  readonly allowWritable: Hook<[change: ConfigChange], WritableVerdict>

  constructor(hooks: Hooks) {
    this.postCommit = hooks.declareVoid('config', 'post_commit')
    this.allowWritable = hooks.declare<[ConfigChange], WritableVerdict>('config', 'allow_writable', {
      default: undefined,
      onReturn: firstRefusal,
    })
  }

  /** @throws HeddleError ERR_CONFIG_VETO with what the provider says. */
  allow(change: ConfigChange): void {
    if (this.allowWritable.has() === 0) return
    const verdict = this.allowWritable.call(change)
    if (verdict !== false && typeof verdict !== 'string') return
    throw new HeddleError('ERR_CONFIG_VETO', verdict === false ? `${change.path} cannot be changed` : verdict)
  }
}

function firstRefusal(returned: WritableVerdict, ret: (value: WritableVerdict) => void): void {
  if (returned === false || typeof returned === 'string') ret(returned)
}
