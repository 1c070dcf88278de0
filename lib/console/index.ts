export { type ClientCommandOptions, ControlClient, type ControlEndpoint } from './client'
export { warningText } from './config-text'
export { type CoreCommandOptions, type ModuleLister, registerCoreCommands } from './core-commands'
export { type ControlCloseOptions, type ControlListenOptions, ControlServer } from './server'
