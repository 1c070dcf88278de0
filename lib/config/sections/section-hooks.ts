import type { Hook, HookSpec } from '../../hooks'

/** A value that somebody reads through a section. (CX-19) */
export interface SectionValue {
  /** The stanza, as transactions and the console spell it. */
  readonly path: string
  /** The setting, in lower case. */
  readonly key: string
  /** As the configuration and the environment have it. */
  readonly text: string
}

/** What may be changed in the reading and removing of sections. (CX-19) */
export interface SectionHooks {
  /** Returns another text for a value that is read, undefined to leave it to the next provider. */
  readonly valueFixup: Hook<[value: SectionValue], string | undefined>
  /** Returns false where the stanza at a path must stay. */
  readonly deleteSection: Hook<[path: string], boolean | undefined>
}

/** What declares them: `Hooks` is one. */
export interface HookDeclarer {
  declare<A extends unknown[], R>(scope: string, name: string, spec: HookSpec<R>): Hook<A, R>
}

/** Whether the hooks of a Config can be declared with. @internal */
export function isDeclarer(hooks: object | undefined): hooks is HookDeclarer {
  return typeof (hooks as Partial<HookDeclarer> | undefined)?.declare === 'function'
}

/** Declares `config.value_fixup` and `config.delete_section`, once for all sections of those hooks. */
export function declareSectionHooks(hooks: HookDeclarer): SectionHooks {
  return {
    valueFixup: hooks.declare('config', 'value_fixup', { default: undefined, onReturn: firstText }),
    deleteSection: hooks.declare('config', 'delete_section', { default: undefined, onReturn: firstVeto }),
  }
}

function firstText(text: string | undefined, ret: (text: string | undefined) => void): void {
  if (text !== undefined) ret(text)
}

function firstVeto(allowed: boolean | undefined, ret: (allowed: boolean | undefined) => void): void {
  if (allowed === false) ret(false)
}
