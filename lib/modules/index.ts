export { type GeneratedEcm, generateEcm, withAutoLines } from './ecm-gen'
export { Infrastructure } from './infrastructure'
export type { ModuleEntry } from './library'
export { LOG_LEVELS, type LogLevel } from './log-level'
export { type ManifestEntry, type ManifestSection, type ModuleManifest, parseManifest } from './manifest'
export {
  type ControlFlags,
  type ControlFunction,
  defineModule,
  type InitFlags,
  type InitOutput,
  type ModuleDefinition,
  type ModuleSpec,
  type ModuleTransaction,
  type PhaseResult,
} from './module-def'
export { ModuleError, type ModuleErrorDetails, type ModulePhase } from './module-error'
export { defineOption, type ModuleOption, type ModuleOptions } from './module-options'
export { type ModuleInfo, Modules, type ModulesOptions } from './modules'
export { type Provides, parseProvides } from './provides'
export type { ModuleReports } from './reports'
export type { SearchPath } from './scan'
export type { ModuleMemtype, SetupContext } from './setup-context'
export {
  Dso,
  DSO_ABI,
  DSO_MAGIC,
  type DsoConfig,
  type DsoImage,
  type DsoOptions,
  type DsoSelf,
  type DsoSpec,
} from './dso'
