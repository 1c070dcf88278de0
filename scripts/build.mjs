// Builds a checkout: TypeScript to dist/, and the addon when a C++ compiler is there. Run by `prepare`, thus by
// `npm install` in a clone and never on a user's machine. Does nothing when nothing changed.
//
//   node scripts/build.mjs            both; without an addon the pure-JavaScript backend is left, which is said
//   node scripts/build.mjs --native   both; no addon is an error
//   node scripts/build.mjs --ts       TypeScript only
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildNative } from './build-native.mjs'
import { buildTypeScript } from './build-ts.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const flags = new Set(process.argv.slice(2))

if (!buildTypeScript(root)) process.exitCode = 1
if (!flags.has('--ts')) {
  const missing = buildNative(root)
  if (missing) {
    process.stderr.write(
      `heddle: native core not built, the pure-JavaScript backend serves instead: ${missing}\n`,
    )
    if (flags.has('--native')) process.exitCode = 1
  }
}
