// Four workers and the main thread share one HTTP port by SO_REUSEPORT; the workers go one by one while clients
// come and go. Every answer must be whole, and every client that connects after a termination is served.
//
//   node worker-shared-port.mjs '{"workers":4}'
import { createServer } from 'heddle'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { descriptorsAtRest, leftOver } from './descriptors.mjs'

const { workers } = JSON.parse(process.argv[2])
const PROGRAM = new URL('./serving-worker.mjs', import.meta.url)
const HELLO = 'GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

const main = createServer((_req, res) => res.end('Hello, world\n'))
// One ahead, because the first worker of a process opens what all of them share.
await (await startWorker()).terminate()
const before = await descriptorsAtRest()
await main.listen({ reusePort: true })
const crew = await Promise.all(Array.from({ length: workers }, startWorker))
const report = { rounds: [], lost: 0, late: 0 }

for (let left = crew.length; left >= 0; left--) {
  const clients = Array.from({ length: 100 }, request)
  const settled = left > 0 ? [crew[left - 1].terminate(), ...clients] : clients
  const answers = (await Promise.all(settled)).slice(left > 0 ? 1 : 0)
  // Connections that lay in the backlog of the worker that went are reset by the system.
  report.lost += answers.filter((answer) => answer === 'reset').length
  const after = await Promise.all(Array.from({ length: 50 }, request))
  report.late += after.filter((answer) => answer !== 'whole').length
  report.rounds.push({ answers: answers.length, broken: answers.filter((a) => a === 'broken').length })
}
await main.close({ drain: true, timeout: 1000 })
report.leftOver = await leftOver(before)
console.log(JSON.stringify(report))

async function startWorker() {
  const worker = new Worker(PROGRAM, { workerData: { httpPort: main.port, reusePort: true } })
  await once(worker, 'message')
  return worker
}

/** 'whole', 'reset' when nothing came, 'broken' when an answer began and did not end. */
function request() {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(main.port, '127.0.0.1', () => socket.write(HELLO))
    socket.on('data', (chunk) => (text += chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (text.endsWith('\r\n\r\nHello, world\n')) resolve('whole')
      else resolve(text === '' ? 'reset' : 'broken')
    })
  })
}
