// The example server: npm start -- --http 8888 --echo 8889
//
// HTTP with a few routes and a TCP port that echoes, both on loopback. Ctrl-C and SIGTERM drain and exit with 0;
// a port that is taken exits with 1, a wrong command line with 2. A second Ctrl-C ends without draining.
import { readPorts, UsageError } from './arguments.mjs'
import { Example } from './example.mjs'

const DRAIN_MS = 10_000

// Whoever read the output may have gone (`npm start | head`); that is no reason to stop serving, or to cut a drain.
process.stdout.on('error', () => {})

try {
  const example = new Example()
  await example.start(readPorts(process.argv.slice(2)))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => finish(example, signal))
  for (const line of example.banner()) console.log(line)
} catch (error) {
  fail(error)
}

async function finish(example, signal) {
  console.log(`${signal}: draining, at most ${DRAIN_MS / 1000} s (again ends at once)`)
  await example.stop(DRAIN_MS)
  console.log('done')
  process.exit(0)
}

function fail(error) {
  process.stderr.write(`heddle example: ${error.message}\n`)
  process.exit(error instanceof UsageError ? 2 : 1)
}
