import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Remembers which inputs an output was made from: a hash over the contents of files and folders. `fresh` is true
 * when nothing changed since `write`; `drop` forgets, so that an interrupted build is done again.
 */
export class Stamp {
  #file
  #hash

  constructor(file, inputs, facts = []) {
    this.#file = file
    const hash = createHash('sha256').update(JSON.stringify(facts))
    for (const input of inputs) addTo(hash, input)
    this.#hash = hash.digest('hex')
  }

  get fresh() {
    return existsSync(this.#file) && readFileSync(this.#file, 'utf8') === this.#hash
  }

  drop() {
    rmSync(this.#file, { force: true })
  }

  write() {
    mkdirSync(dirname(this.#file), { recursive: true })
    writeFileSync(this.#file, this.#hash)
  }
}

function addTo(hash, path) {
  if (!existsSync(path)) return
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) addTo(hash, join(path, name))
    return
  }
  hash.update(path).update(readFileSync(path))
}
