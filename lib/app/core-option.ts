import { shown } from '../arguments'
import type { OptionDef, OptionSlot } from '../config'
import { parseDuration } from '../config/units'
import { HeddleError } from '../errors'

/** A text that must be one of some words, or fit what a function says. */
type Check = (text: string) => boolean

/** What an option of the core says beside its name and place. */
interface Extra {
  /** As in a configuration; without one the value is undefined where nothing is said. */
  readonly default?: string
  /** Taken at the start; a change is warned of and waits for a restart. (CF-17) */
  readonly fixed?: boolean
}

/** An option before it is registered, with the type of its values. */
export interface CoreOption<T> {
  readonly name: string
  readonly def: Omit<OptionDef, 'name' | 'fallback'>
  /** What the value means. */
  read(value: unknown): T
}

const flags = ({ fixed = false }: Extra) => ({ flags: { notTunableOnline: fixed } })
const fallback = (extra: Extra) => (extra.default === undefined ? {} : { default: extra.default })

function option<T>(
  type: OptionDef['type'],
  name: string,
  extra: Extra,
  read: (value: never) => T,
  rest: object = {},
): CoreOption<T> {
  return {
    name,
    def: { type, ...flags(extra), ...fallback(extra), ...rest },
    read: (value) => (value === undefined ? undefined : read(value as never)) as T,
  }
}

/** Absent where nothing is said and there is no default. */
type Maybe<E extends Extra, T> = E extends { readonly default: string } ? T : T | undefined

export function text<E extends Extra & { readonly allowed?: Check }>(name: string, extra: E) {
  const { allowed } = extra
  const rest = allowed && { validate: ({ value }: { readonly value: string }) => allowed(value) }
  return option<Maybe<E, string>>('string', name, extra, (value: string) => value as Maybe<E, string>, rest)
}

export function texts<E extends Extra>(name: string, extra: E): CoreOption<readonly string[]> {
  const rest = { flags: { notTunableOnline: extra.fixed ?? false, isArray: true } }
  return option<readonly string[]>('string', name, extra, (value: readonly string[]) => value, rest)
}

/** One of these words. */
export function word<const W extends string, E extends Extra>(name: string, words: readonly W[], extra: E) {
  const rest = {
    validate: ({ value }: { readonly value: string }) =>
      (words as readonly string[]).includes(value) || refuse(`it is ${words.join(' or ')}`, value),
  }
  return option<Maybe<E, W>>('string', name, extra, (value: W) => value as Maybe<E, W>, rest)
}

export function whole<E extends Extra>(name: string, least: number, most: number, extra: E) {
  const rest = {
    validate: ({ value }: { readonly value: number }) =>
      (value >= least && value <= most) || refuse(`it is a whole number from ${least} to ${most}`, value),
  }
  return option<Maybe<E, number>>('size', name, extra, (value: number) => value as Maybe<E, number>, rest)
}

/** Bytes. */
export function bytes<E extends Extra>(name: string, extra: E) {
  return whole(name, 0, 0x7fffffff, extra)
}

export function yesNo<E extends Extra>(name: string, extra: E) {
  return option<Maybe<E, boolean>>('bool', name, extra, (value: boolean) => value as Maybe<E, boolean>)
}

/** `30s`, `"1min 30s"`; read as milliseconds, of which there are less than 2^31. (CX-18) */
export function duration<E extends Extra>(name: string, extra: E) {
  const rest = {
    validate: ({ value }: { readonly value: string }) =>
      isDuration(value) || refuse('it is a duration such as 30s or "1min 30s", of less than 25 days', value),
  }
  return option<Maybe<E, number>>(
    'string',
    name,
    extra,
    (value: string) => parseDuration(value) as Maybe<E, number>,
    rest,
  )
}

/** A slot together with what its values mean. */
export interface CoreSlot<T> {
  readonly slot: OptionSlot
  read(value: unknown): T
}

/** Says what would do, and what came. */
function refuse(allowed: string, value: unknown): never {
  throw new HeddleError('ERR_INVALID_ARGUMENT', `${allowed}, not ${shown(value)}`)
}

function isDuration(value: string): boolean {
  try {
    const ms = parseDuration(value)
    return ms < 2 ** 31
  } catch {
    return false
  }
}
