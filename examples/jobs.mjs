// Counts primes on other threads while this one goes on: node examples/jobs.mjs
//
// Functions cannot cross threads, so jobs name theirs by module and export; here both lie in one file. A job that goes on
// for long looks at its signal; what it leaves open is closed by its cleanup.
import { isMainThread } from 'node:worker_threads'
import { Eventer } from 'heddle'

const SLICE = 50_000
const SLICES = 8

/** A job: how many primes there are in [from, to). */
export function countPrimes({ from, to }) {
  let count = 0
  for (let n = Math.max(from, 2); n < to; n++) if (isPrime(n)) count++
  return count
}

/** A job that ends only when it is told to. */
export function searchForEver({ from }, job) {
  let n = from
  while (!job.signal.aborted) n++
  return n
}

function isPrime(n) {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return false
  return true
}

if (isMainThread) await main()

async function main() {
  const eventer = await Eventer.init()
  eventer.start()
  const here = (name) => ({ module: import.meta.url, export: name })

  const queue = eventer.jobqs.create('primes', { concurrency: 2, maxBacklog: 4 })
  const slices = Array.from({ length: SLICES }, (_, n) => ({ from: n * SLICE, to: (n + 1) * SLICE }))
  // With more than four waiting, run waits for room before it submits.
  const counts = await Promise.all(
    slices.map((slice) => queue.run(here('countPrimes'), slice, { overflow: 'wait' })),
  )
  const sum = counts.reduce((total, count) => total + count, 0)
  console.log(`${sum} primes below ${SLICE * SLICES}, in ${queue.stats().total} jobs`)

  const patience = AbortSignal.timeout(50)
  const search = queue.run(here('searchForEver'), { from: 0 }, { signal: patience, cancel: 'signal' })
  await search.catch((error) => console.log(`the search ended: ${error.name}`))

  await queue.drain()
  queue.destroy()
  await eventer[Symbol.asyncDispose]()
}
