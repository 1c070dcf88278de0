// A worker opens a map before the main thread has used the package: `node shared-late.mjs late|never`. Prints what the
// worker says: the size of the map, or the code of the error.
import { SharedMap } from 'heddle'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.on('message', async (message) => {
    if (message !== 'asking') return console.log(message)
    if (process.argv[2] === 'never') return
    // The request is on its way, and nobody has answered it.
    await sleep(100)
    const map = await SharedMap.open('late')
    map.set('key', 1)
  })
} else {
  const opening = SharedMap.open('late')
  parentPort.postMessage('asking')
  await opening.then(
    (map) => parentPort.postMessage(`opened ${map.name}`),
    (error) => parentPort.postMessage(error.code),
  )
}
