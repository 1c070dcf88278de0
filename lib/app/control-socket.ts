import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ControlServer } from '../console'
import type { Control } from '../control'
import type { Loop } from '../eventer'
import { at } from './place'
import type { OtherUser } from './privileges'
import type { ControlSettings } from './settings'

/**
 * Opens the console. The folder of the socket is made where it does not exist, for its owner alone. Where the process becomes
 * another user that one gets the socket, and a folder that was made for it, so that it can use and remove it.
 */
export async function openControl(
  control: Control,
  { where, place }: ControlSettings,
  loop: Loop,
  other: OtherUser | undefined,
): Promise<ControlServer> {
  if (!('path' in where)) return at(place, ControlServer.listen(control, { ...where, loop }))
  const folder = dirname(where.path)
  // What an earlier process made and handed over is to be made again.
  const isOurs = other?.takeBack(folder) === true
  const made = await at(place, mkdir(folder, { recursive: true, mode: 0o700 }))
  const server = await at(place, ControlServer.listen(control, { ...where, loop }))
  if (made !== undefined || isOurs) other?.own(folder)
  other?.own(where.path)
  return server
}
