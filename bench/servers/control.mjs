import { createInterface } from 'node:readline'

/**
 * The contestant's side of the runner's lines: says the port, answers every line on stdin with the counters of this
 * process, leaves at the end of stdin. `units` gives the requests (or bytes) served so far.
 */
export function obey(port, units) {
  process.stdout.write(`${JSON.stringify({ port })}\n`)
  createInterface({ input: process.stdin })
    .on('line', () => process.stdout.write(`${JSON.stringify(counters(units()))}\n`))
    .on('close', () => process.exit(0))
}

function counters(units) {
  const { user, system } = process.cpuUsage()
  return { userUs: user, systemUs: system, rssBytes: process.memoryUsage.rss(), units }
}
