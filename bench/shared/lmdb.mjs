import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { open } from 'lmdb'
import { overSyncMap } from './sync-map.mjs'

/** Nothing is synced to the disk, and values are kept in lmdb's own default encoding. */
async function openAt(path) {
  const database = open({ path, noSync: true })
  return {
    get: (key) => database.get(key),
    set: (key, value) => database.putSync(key, value),
    close: () => database.close(),
  }
}

const { create: createAt, join } = overSyncMap(openAt)

export { join }

export async function create() {
  const path = await mkdtemp(joinPath(tmpdir(), 'heddle-bench-lmdb-'))
  const store = await createAt(path)
  return {
    ...store,
    token: path,
    async close() {
      await store.close()
      await rm(path, { recursive: true })
    },
  }
}
