/** The configuration that all measurements of heddle read: the same option set three steps deep. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export const DIST = require.resolve('../../dist')

/** Of a domain in a binding, of two domains, of all. */
const TEXT =
  'limit = 1\nDomain "d" { limit = 2 }\nDomain "e" { limit = 3 }\nBinding "b" { Domain "other" { limit = 4 } }'

export function library() {
  return require(DIST)
}

/** Some options of several types; `limit` is the one that is read. */
export function define(config) {
  const fallback = 'Binding:Domain>Domain>Global'
  const limit = config.registerOption({ name: 'limit', type: 'int', fallback, default: '0' })
  config.registerOption({ name: 'banner', type: 'string', fallback })
  config.registerOption({ name: 'open', type: 'bool', fallback })
  config.registerOption({ name: 'sizes', type: 'size', fallback, flags: { isArray: true } })
  return limit
}

export async function subject() {
  const { Config, ConfigReader } = library()
  const config = new Config()
  const limit = define(config)
  await config.loadText(TEXT)
  const attach = () => {
    const reader = ConfigReader.attach(config.share())
    return { reader, limit: reader.slot('limit') }
  }
  return { config, limit, attach, query: { binding: 'b', domain: 'd' }, other: { binding: 'b', domain: 'e' } }
}
