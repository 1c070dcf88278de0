export { type ClientCommandOptions, ControlClient, type ControlEndpoint } from './client'
export { type CoreCommandOptions, registerCoreCommands } from './core-commands'
export { type ControlCloseOptions, type ControlListenOptions, ControlServer } from './server'
