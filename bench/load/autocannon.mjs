import autocannon from 'autocannon'

/** Stands in for wrk where that is not installed. Prints the same JSON line as answers.lua. */
const { url, connections, seconds, pipelining, method, headers, body } = JSON.parse(process.argv[2])
const result = await autocannon({ url, connections, duration: seconds, pipelining, method, headers, body })
const line = {
  requests: result.requests.total,
  seconds: result.duration,
  p50Us: result.latency.p50 * 1000,
  p99Us: result.latency.p99 * 1000,
  badStatus: result.non2xx,
  socketErrors: result.errors + result.timeouts,
}
process.stdout.write(`${JSON.stringify(line)}\n`)
