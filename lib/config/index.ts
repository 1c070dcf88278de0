export {
  Config,
  type ConfigOptions,
  type ConfigStats,
} from './config'
export { ConfigHooks, type WritableVerdict } from './config-hooks'
export { ConfigValue } from './config-value'
export type { Readable as ConfigReadable } from './generation'
export { ConfigReader, ReaderSnapshot } from './image/reader'
export type { ConfigToken } from './image/token'
export type { OptionInfo, OptionSetting, OptionsQuery } from './listing'
export { LivePlace } from './live-place'
export type { OptionContext, OptionDef, OptionFlags, OptionValue } from './option-def'
export type { ConfigOverride } from './overrides'
export { type OwnerKind, OwnerToken } from './lock'
export type { ConfigParticipant } from './participant'
export { type KeyPath, type PathStep, parsePath, parseScopePath, printPath } from './path'
export { Place as ConfigPlace } from './place'
export type { ConfigQuery } from './query'
export type { Scope, ScopeSpec } from './scopes'
export {
  ConfigSection,
  ConfigSectionList,
  ConfigSections,
  Journal as ConfigJournal,
  type JournalOptions as ConfigJournalOptions,
  LockedSections,
  RemoteConfigSections,
  type SectionHooks,
  type SectionLockState,
  type SectionOptions,
  type SectionValue,
  SectionValues,
  type WorkingCopy,
} from './sections'
export { OptionSlot } from './slot'
export { ConfigSnapshot } from './snapshot'
export {
  type ArrayNode as ConfigArrayNode,
  type Change as FileEdit,
  ConfigError,
  type ConfigTree,
  type DictionaryNode as ConfigDictionaryNode,
  type EntryNode as ConfigEntryNode,
  type FileChange,
  type IncludeNode as ConfigIncludeNode,
  type Loaded as LoadedConfig,
  type LoadedFile,
  loadConfig,
  type LoadOptions as ConfigLoadOptions,
  parseConfig,
  type ParseOptions as ConfigParseOptions,
  parseValue as parseConfigValue,
  type PlainValue,
  plainValue,
  printConfig,
  printValue as printConfigValue,
  type ScalarNode as ConfigScalarNode,
  saveChanges,
  type ScopeStep,
  type SettingNode as ConfigSettingNode,
  type StanzaNode as ConfigStanzaNode,
  type StatementNode as ConfigStatementNode,
  type ValueNode as ConfigValueNode,
  writeBack,
} from './syntax'
export {
  type BeginOptions,
  type CommitOutput,
  type CommitResult,
  type ConfigChange,
  Transaction,
  type TransactionState,
} from './transaction'
export type { ConfigNode, Setting } from './tree'
export { Dictionary, type OptionType, type OptionTypes, type SockAddr, type Throttle } from './types'
export type { ConfigWarning } from './validation'
export type { Origin, RawDictionary, RawValue, ValueInput } from './value'
export { type DurationUnit, parseBoolean, parseDuration } from './units'
