import type { AddressInfo } from '../backend/backend'
import type { Eventer } from '../eventer'
import type { Loader } from './loader'

/** What the settings of services have in common. */
export interface ServiceSettings {
  readonly name: string
  /** Where it stands, for messages. */
  readonly place: string
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
  /** Makes everything for other settings ready; the result puts it into place and cannot fail. */
  change(settings: S): Promise<() => void>
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

/** Handlers that run in workers were loaded there when the listener was opened. */
export function warnOfWorkers(place: string): void {
  process.emitWarning(`${place}: handlers in a pool of workers stay as they are until the next start`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_NOT_TUNABLE',
  })
}
