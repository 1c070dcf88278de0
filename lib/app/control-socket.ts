import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ControlServer } from '../console'
import type { Control } from '../control'
import type { Loop } from '../eventer'
import { at } from './place'
import type { ControlSettings } from './settings'

/** Opens the console. The folder of the socket is made where it does not exist, for its owner alone. */
export async function openControl(
  control: Control,
  { where, place }: ControlSettings,
  loop: Loop,
): Promise<ControlServer> {
  if ('path' in where) await at(place, mkdir(dirname(where.path), { recursive: true, mode: 0o700 }))
  return at(place, ControlServer.listen(control, { ...where, loop }))
}
