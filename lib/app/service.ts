import type { AddressInfo } from '../backend/backend'
import type { Eventer } from '../eventer'
import type { Loader } from './loader'
import type { Spot } from './place'

/** What the settings of services have in common. */
export interface ServiceSettings extends Spot {
  readonly name: string
  readonly where: {
    readonly address?: string
    readonly port?: number
    readonly path?: string
  }
}

/** What services stand on. */
export interface Ground {
  readonly eventer: Eventer
  readonly loader: Loader
}

/** Something that listens because a configuration says so. */
export interface Service<S extends ServiceSettings = ServiceSettings> {
  readonly settings: S
  readonly address: AddressInfo
  /** Open connections. */
  readonly connections: number
  /** Makes everything for other settings ready; the result puts it into place and cannot fail. What stays is warned of. */
  change(settings: S, warn: Warn): Promise<() => void>
  /** Stops accepting and waits for what is under way, so many milliseconds at most; 0: as long as it takes. */
  close(timeout: number): Promise<void>
}

/**
 * What makes a service the same in another generation: its address, so that one under another name goes on without a gap.
 * Where the system chose the port, its name.
 */
export function identityOf({ name, where }: ServiceSettings): string {
  if (where.path !== undefined) return `unix:${where.path}`
  return where.port === 0 ? `name:${name}` : `tcp:${where.address ?? ''}:${where.port}`
}

/** What a reload says of something that stays as it is. */
export type Warn = (spot: Spot, message: string) => void

export const WORKERS_STAY = 'handlers in a pool of workers stay as they are until the next start'
export const OPENING_STAYS =
  'it is open already: its pool, limits and ways to accept stay until the next start'
