import { HookBase } from './hook'

/**
 * A hook without a result: each provider runs, also when one has thrown, which is reported to `hooks.onError`, or as an
 * uncaught exception where there is no such handler. `call` throws ERR_HOOK_ASYNC where a provider gives a promise, after the
 * others have run; at once where one is an async function. (HK-01, HK-18, HK-20)
 */
export class VoidHook<A extends unknown[] = unknown[]> extends HookBase<A, void, unknown> {
  readonly kind = 'void'
}
