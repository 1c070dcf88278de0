import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Directory that holds `include/node` of the running Node, for node-gyp's `--nodedir`, or undefined. With it
 * nothing is downloaded. Headers of another major version are not used.
 */
export function localHeaders() {
  const candidates = [process.env.npm_config_nodedir, dirname(dirname(process.execPath))]
  return candidates.find((prefix) => prefix && headersMajor(prefix) === process.versions.node.split('.')[0])
}

function headersMajor(prefix) {
  const file = join(prefix, 'include/node/node_version.h')
  if (!existsSync(file)) return undefined
  return /define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(file, 'utf8'))?.[1]
}
