export { ConfigError, type ConfigErrorPlace, located } from './config-error'
export type { ScopeStep } from './draft'
export { type Loaded, type LoadedFile, type LoadedStatement, loadConfig, type LoadOptions } from './load'
export type {
  ArrayNode,
  ConfigTree,
  DictionaryNode,
  EntryNode,
  IncludeNode,
  Place,
  ScalarNode,
  SettingNode,
  StanzaNode,
  StatementNode,
  ValueNode,
} from './node'
export { MAX_NESTING, type ParseOptions, parseConfig, parseValue } from './parser'
export { type PlainValue, plainValue, printConfig, printText, printValue } from './print'
export { type Change, type FileChange, saveChanges, writeBack } from './write-back'
