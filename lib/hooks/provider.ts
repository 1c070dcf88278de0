/**
 * What is registered with a hook: the closure comes first, then the arguments of the call. `R` is what the call expects;
 * in an asynchronous call it may be promised. (HK-04)
 */
export type Provider<C, A extends unknown[], R> = (closure: C, ...args: A) => R

/** How the providers of all hooks are kept: whoever calls them knows the arguments. */
export type AnyProvider = (closure: unknown, ...args: unknown[]) => unknown

/** `process`: as long as the program. `generation`: as long as the configuration that registered it. (HK-10) */
export type ProviderLifetime = 'process' | 'generation'

/** In front of everything registered so far, or at the end. (HK-03) */
export type ProviderPlace = 'first' | 'last'

/**
 * One registration. `order` decides where it runs among the others, whichever lists it is in: registrations are counted,
 * a first one has the negative number. So a list that leaves some out keeps the order of the rest.
 */
export class Entry {
  /** Unregistered: no list that is made from now on has it. */
  isGone = false

  constructor(
    readonly fn: AnyProvider,
    readonly closure: unknown,
    readonly order: number,
    readonly lifetime: ProviderLifetime,
    readonly module: string | undefined,
    readonly label: string | undefined,
    /** An async function, which a synchronous call refuses before anything runs. */
    readonly isAsync: boolean,
  ) {}

  /** The name it was registered under, that of its function, or a word. Functions are free to lie, and to throw. */
  get name(): string {
    if (this.label !== undefined) return this.label
    try {
      const { name } = this.fn
      if (typeof name === 'string' && name !== '') return name
    } catch {
      // It has none that can be read.
    }
    return '(anonymous)'
  }
}
