import { check } from './check'
import type { Command } from './command'
import { consoleCommand } from './console'
import { ecmGen } from './ecm-gen'
import { REMOTE } from './remote'
import { run } from './run'
import { versionCommand } from './version'

/** Every command, in the order in which `heddle help` names them. */
export const COMMANDS: readonly Command[] = [run, check, consoleCommand, ...REMOTE, ecmGen, versionCommand]
