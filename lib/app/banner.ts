import type { AddressInfo } from '../backend/backend'
import type { ControlServer } from '../console'
import { capabilities, version } from '../version'
import type { App } from './app'

/** What a serving application says of itself: the backend, and where it listens. */
export function bannerOf(app: App, server: ControlServer | undefined): string[] {
  const console = server?.path ?? server?.port
  const { backend, implementation } = capabilities()
  return [
    `heddle ${version().package} on the ${backend} backend (${implementation}), generation ${app.config.generation}`,
    ...app.services.map(
      ({ settings, address }) => `  ${settings.name.padEnd(8)}  ${shown(settings.kind, address)}`,
    ),
    ...(console === undefined ? [] : [`  console   ${console}`]),
    'Ctrl-C drains and ends, SIGHUP reads the configuration again.',
  ]
}

function shown(kind: 'http' | 'tcp', { address, port, family }: AddressInfo): string {
  if (family === 'unix') return address
  const host = family === 'IPv6' ? `[${address}]` : address
  return kind === 'http' ? `http://${host}:${port}/` : `${host}:${port}`
}
