/**
 * Where a contestant spends its time: node bench/profile.mjs CONTESTANT [http|tcp] [VARIANT or bytes] [options]
 *
 * Loads the server as the benches do while perf samples it with the software clock (which works in virtual
 * machines too), then prints the hottest symbols, JavaScript functions among them by name. Who calls them is
 * written to bench/build/profile.txt. With --user the kernel's share is left out.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Contestant } from './harness/contestant.mjs'
import { loadHttp } from './harness/http-load.mjs'
import { loadTcp } from './harness/tcp-load.mjs'
import { ECHO_BODY, THREE_HEADERS } from './servers/task.mjs'

const BUILD = fileURLToPath(new URL('build/', import.meta.url))
const DATA = `${BUILD}perf.data`
const NODE_OPTIONS = ['--perf-basic-prof', '--interpreted-frames-native-stack']
const WARM_UP_SECONDS = 2

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
    pipelining: { type: 'string', default: '1' },
    lines: { type: 'string', default: '50' },
    user: { type: 'boolean', default: false },
  },
})
const [name = 'heddle', protocol = 'http', variant = protocol === 'tcp' ? '64' : 'hello'] = positionals

function load(port, seconds) {
  const connections = Number(values.connections)
  if (protocol === 'tcp') return loadTcp({ port, connections, bytes: Number(variant), seconds })
  return loadHttp({
    url: `http://127.0.0.1:${port}/`,
    connections,
    seconds,
    pipelining: Number(values.pipelining),
    headers: variant === 'headers' ? THREE_HEADERS : {},
    body: variant === 'echo' ? ECHO_BODY : undefined,
  })
}

async function record(pid, seconds) {
  const args = [
    'record',
    '-q',
    '-e',
    values.user ? 'cpu-clock:u' : 'cpu-clock',
    '-F',
    '999',
    '--call-graph',
    'fp',
    '-p',
    String(pid),
    '-o',
    DATA,
  ]
  const perf = spawn('perf', [...args, '--', 'sleep', String(seconds)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(perf, 'close')
  if (code !== 0) throw new Error(`perf record ended with ${code}`)
}

function report(...options) {
  const args = ['report', '-i', DATA, '--stdio', '--no-children', '--sort', 'dso,symbol', ...options]
  const settings = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 }
  return execFileSync('perf', args, settings)
}

function printHottest() {
  const lines = report('-g', 'none')
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'))
  const hottest = lines.slice(0, Number(values.lines)).map((line) => line.replace(/[\s-]+$/, ''))
  process.stdout.write(`${hottest.join('\n')}\n`)
  writeFileSync(`${BUILD}profile.txt`, report('-g', 'caller,0.5,callee', '--percent-limit', '0.5'))
}

mkdirSync(BUILD, { recursive: true })
const seconds = Number(values.seconds)
const contestant = await Contestant.start(name, protocol, variant, NODE_OPTIONS)
try {
  await load(contestant.port, WARM_UP_SECONDS)
  const before = await contestant.counters()
  const [result] = await Promise.all([load(contestant.port, seconds), record(contestant.pid, seconds)])
  const after = await contestant.counters()
  const done = result.requests ?? result.messages
  const each = (key) => ((after[key] - before[key]) / done).toFixed(2)
  process.stdout.write(`${Math.round(done / result.seconds)}/s under perf; `)
  process.stdout.write(`${each('userUs')} us user, ${each('systemUs')} us system each\n`)
  printHottest()
} finally {
  await contestant.stop()
  rmSync(`/tmp/perf-${contestant.pid}.map`, { force: true })
}
