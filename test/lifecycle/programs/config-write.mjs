// Dies by a signal that cannot be caught when the new text of a file is written and has not taken its place yet.
//
//   node config-write.mjs <path> <text>
import { createRequire } from 'node:module'

const { replaceFile } = createRequire(import.meta.url)('../../../dist/config/files.js')
const [path, text] = process.argv.slice(2)

await replaceFile(path, text, {
  beforeRename: () => {
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  },
})
