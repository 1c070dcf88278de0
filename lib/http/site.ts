import type { AddressInfo } from '../backend/backend'
import type { ExportTarget } from '../eventer'
import type { HttpCloseOptions } from './options'
import type { HttpHandler } from './router'
import type { HttpListenOptions } from './server'

/** Where a server runs: its parts, as one. */
export interface HttpSite {
  readonly addresses: AddressInfo[]
  readonly connections: number
  listen(options: HttpListenOptions): Promise<void>
  route(methods: readonly string[], path: string, handler: HttpHandler | ExportTarget, aco: boolean): void
  close(options: HttpCloseOptions): Promise<void>
}
