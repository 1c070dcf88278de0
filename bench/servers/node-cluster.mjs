/** node:http in `node:cluster`; the variant is `cluster-<processes>`. Counters are those of all its processes. */
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { HELLO, variant } from './task.mjs'

const TICKS_US = 10_000

if (cluster.isPrimary) primary()
else child()

function primary() {
  const served = new Map()
  let left = Number(variant.split('-')[1])
  for (let n = left; n > 0; n--) cluster.fork()
  cluster.on('message', ({ id }, { requests }) => served.set(id, requests))
  cluster.on('listening', (_worker, { port }) => {
    if (--left === 0) process.stdout.write(`${JSON.stringify({ port })}\n`)
  })
  createInterface({ input: process.stdin })
    .on('line', async () => process.stdout.write(`${JSON.stringify(await counters(served))}\n`))
    .on('close', () => process.exit(0))
}

async function counters(served) {
  const workers = Object.values(cluster.workers)
  await Promise.all(
    workers.map((worker) => {
      const answered = new Promise((resolve) => worker.once('message', resolve))
      worker.send('count')
      return answered
    }),
  )
  let userUs = process.cpuUsage().user
  let systemUs = process.cpuUsage().system
  for (const worker of workers) {
    const fields = readFileSync(`/proc/${worker.process.pid}/stat`, 'utf8').split(') ')[1].split(' ')
    userUs += Number(fields[11]) * TICKS_US
    systemUs += Number(fields[12]) * TICKS_US
  }
  const units = [...served.values()].reduce((sum, count) => sum + count, 0)
  return { userUs, systemUs, rssBytes: process.memoryUsage.rss(), units }
}

function child() {
  let requests = 0
  const server = createServer((_req, res) => {
    requests++
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': HELLO.length })
    res.end(HELLO)
  })
  server.keepAliveTimeout = 300_000
  server.listen(0, '127.0.0.1', 1024)
  process.on('message', () => process.send({ requests }))
}
