export { HookExistsError, type HookOptions, type HookSpec } from './declaration'
export type {
  AnyHook,
  HookBase,
  HookKind,
  HookRegistration,
  HookTransaction,
  RegisterOptions,
} from './hook'
export { HookError } from './hook-error'
export { Hooks, type HooksOptions } from './hooks'
export type { HookInfo, ProviderInfo } from './listing'
export { ModuleHooks, type VerdictHooks } from './module-hooks'
export type { Provider, ProviderLifetime, ProviderPlace } from './provider'
export { HookRegistry, type RegistryState } from './registry'
export type { HookErrorHandler } from './report'
export { type ScriptInfo, type ScriptOptions, Scripts } from './scripts'
export type { ReturnRule } from './value-site'
export { Hook } from './value-hook'
export { type GivenVerdict, VerdictHook } from './verdict-hooks'
export type { Verdict } from './verdict-site'
export { VoidHook } from './void-hook'
export type { HookWindow } from './window'
