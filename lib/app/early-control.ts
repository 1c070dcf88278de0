import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadConfig, parseConfig, type StatementNode } from '../config/syntax'
import type { ControlEndpoint } from '../console'
import { settingIn, textsOf } from './early-settings'
import { SOCKET } from './process-settings'

// Where the process that runs a configuration has its console, for those who want to talk to it. It is there to be talked to
// above all when its file is broken: then what can be found is taken, and that is said.

/** What a file says of the console. */
export interface FoundControl {
  /** Undefined: it has no stanza `Control`. */
  readonly endpoint: ControlEndpoint | undefined
  /** Why the file could not be read; what is found is what it may have said when it could. */
  readonly broken: Error | undefined
}

/** Errors are those of the configuration, where nothing can be found in spite of them. */
export async function controlOf(file: string): Promise<FoundControl> {
  try {
    const { body } = await loadConfig(file)
    return { endpoint: endpointIn(body, file), broken: undefined }
  } catch (error) {
    const endpoint = await likelyEndpoint(file)
    if (endpoint === undefined || !(error instanceof Error)) throw error
    return { endpoint, broken: error }
  }
}

function endpointIn(body: readonly StatementNode[], file: string): ControlEndpoint | undefined {
  const stanzas = body.filter((node) => node.kind === 'stanza' && node.key === 'control')
  if (stanzas.length === 0) return undefined
  return endpointOf(
    stanzas.flatMap((node) => (node.kind === 'stanza' ? node.body : [])),
    file,
  )
}

/** What stands in the stanza. */
function endpointOf(body: readonly StatementNode[], file: string): ControlEndpoint {
  const text = (key: string): string | undefined => {
    const setting = settingIn(body, key)
    return setting === undefined ? undefined : textsOf(setting.value)[0]
  }
  const port = text('port')
  const token = text('token')
  if (port !== undefined) return { port: Number(port), ...(token !== undefined && { token }) }
  const folder = dirname(settingIn(body, 'path')?.file ?? file)
  return { path: resolve(folder, text('path') ?? SOCKET) }
}

/** That of a stanza that can be read by itself, else the usual socket beside the file; undefined: neither is there. */
async function likelyEndpoint(file: string): Promise<ControlEndpoint | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const [, inner] = [...text.matchAll(STANZA)].at(-1) ?? []
  const found = [inner, ''].flatMap((body) => endpointOfText(body, file))
  return found.find(({ path }) => path === undefined || existsSync(path))
}

/** At the beginning of a line; its end may be missing. */
const STANZA = /^[ \t]*Control\s*\{([^{}]*)/gim

function endpointOfText(text: string | undefined, file: string): ControlEndpoint[] {
  if (text === undefined) return []
  try {
    return [endpointOf(parseConfig(text, { file }).body, file)]
  } catch {
    return []
  }
}
