import { HookBase } from './hook'

/**
 * A hook with a result: that of the first provider for which its rule returns early, else that of the last one; the declared
 * default where there is none, ERR_NO_PROVIDER without a default. What a provider throws comes out as a HookError, and the
 * later ones do not run; what the rule throws comes out as it is. ERR_HOOK_ASYNC where a provider gives a promise: use
 * `callAsync`. (HK-02, HK-07, HK-18, HK-20, HK-21)
 */
export class Hook<A extends unknown[] = unknown[], R = unknown> extends HookBase<A, R, R | PromiseLike<R>> {
  readonly kind = 'value'
}
