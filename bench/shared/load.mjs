import { seededRandom } from '../timers/random.mjs'

/** A power of two, so that a loop's index wraps by a mask. */
const KEYS = 16_384
const CHUNK = 8_192

/** Keys in random order, the same in every isolate and for every contestant. */
export function keysOf(count = KEYS) {
  const random = seededRandom(7)
  const keys = Array.from({ length: count }, (_, i) => `session:${i.toString(36)}`)
  for (let i = keys.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[keys[i], keys[j]] = [keys[j], keys[i]]
  }
  return keys
}

/** Reads for `ms` after as long a warm-up of a quarter; a miss is an error of the contestant. */
export async function getsPerSecond(store, keys, ms) {
  return operationsPerSecond(ms, async (from) => {
    const found = await store.getMany(keys, from, CHUNK)
    if (found !== CHUNK) throw new Error(`${CHUNK - found} of ${CHUNK} keys were not found`)
  })
}

export async function setsPerSecond(store, keys, values, ms) {
  return operationsPerSecond(ms, (from) => store.setMany(keys, from, CHUNK, values))
}

async function operationsPerSecond(ms, chunk) {
  await timed(ms / 4, chunk)
  return timed(ms, chunk)
}

async function timed(ms, chunk) {
  const start = performance.now()
  let done = 0
  let now = start
  while (now - start < ms) {
    await chunk(done)
    done += CHUNK
    now = performance.now()
  }
  return (done * 1000) / (now - start)
}
