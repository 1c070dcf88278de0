import { Eventer } from '../eventer'
import type { PortHolder } from './options'

/** The first loop of this isolate's eventer. ERR_NOT_INIT without one. */
export function defaultLoop(): PortHolder {
  return Eventer.current().loops[0] as PortHolder
}
