import { registerCoreOptions } from '../app/core-options'
import { Config } from '../config'

/** An option of the top of a configuration, with a name of its own on the command line. (CX-20) */
export interface GlobalParameter {
  /** Behind `--`: `drain-timeout`. */
  readonly name: string
  /** In the configuration: `Drain_Timeout`. */
  readonly option: string
  /** As it would stand there; undefined: none. */
  readonly fallback: string | undefined
}

/** Those of the core, by name. */
export function globalParameters(): GlobalParameter[] {
  const config = new Config()
  registerCoreOptions(config)
  return config
    .options()
    .filter(({ scope }) => scope === 'Global')
    .map((option) => ({
      name: option.name.toLowerCase().replaceAll('_', '-'),
      option: option.name,
      fallback: option.default || undefined,
    }))
}
