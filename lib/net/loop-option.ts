import { HeddleError } from '../errors'
import type { PortHolder } from './options'

/** The loop of the options. The public functions of the package fill it in; here it must be named. */
export function loopOf(options: { readonly loop?: PortHolder }): PortHolder {
  if (options.loop !== undefined) return options.loop
  throw new HeddleError('ERR_NOT_INIT', 'no loop was given')
}
