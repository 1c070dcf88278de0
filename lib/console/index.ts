export { type CoreCommandOptions, registerCoreCommands } from './core-commands'
