// Three threads serve one site and share a cache and a counter: node examples/shared-map.mjs
//
// Each has its own port, its own event loop and its own connections. A page is made by whoever is asked first and comes
// from the shared cache for all others. The main thread asks all three, tells what came of it, and ends.
import { isMainThread, parentPort, threadId, Worker } from 'node:worker_threads'
import { createServer, SharedCounter, SharedMap } from 'heddle'

const PAGES = 20
const ROUNDS = 5

const cache = await SharedMap.open('pages', { maxBytes: 16 * 2 ** 20, ttl: 60_000 })
const requests = await SharedCounter.open('requests')

const server = createServer((req, res) => {
  requests.add()
  const page = cache.getOrInsertComputed(req.path, makePage)
  res.setHeader('Content-Type', 'text/plain').end(page)
})
await server.listen()

if (isMainThread) await visit()
else parentPort.postMessage(server.port)

/** What is worth caching. */
function makePage(path) {
  cache.increment('pages made')
  return `${path}, made by thread ${threadId}\n`
}

async function visit() {
  const crew = [1, 2].map(() => new Worker(new URL(import.meta.url)))
  const ports = await Promise.all(crew.map((worker) => new Promise((told) => worker.once('message', told))))
  const seen = new Set()
  for (let round = 0; round < ROUNDS; round++) {
    for (const port of [server.port, ...ports]) {
      for (let page = 0; page < PAGES; page++) {
        seen.add(await ask(port, page))
      }
    }
  }
  console.log(
    `${requests.value} requests to 3 threads, ${cache.get('pages made')} pages made, ${seen.size} seen`,
  )
  await Promise.all(crew.map((worker) => worker.terminate()))
  await server.close({ drain: true })
  cache.close()
  requests.close()
}

async function ask(port, page) {
  const answer = await fetch(`http://127.0.0.1:${port}/page/${page}`)
  return answer.text()
}
