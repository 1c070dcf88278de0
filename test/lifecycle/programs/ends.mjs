// Ways for workers, and for the program around them, to end.
//
//   node ends.mjs <scenario>
import { createServer, Eventer, Mask } from 'heddle'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { descriptorsAtRest, leftOver } from './descriptors.mjs'
import { Traffic } from './traffic.mjs'

const SERVING = new URL('./serving-worker.mjs', import.meta.url)

const scenarios = {
  /** Workers drain and end by themselves, under traffic. */
  async normally() {
    const before = await descriptorsAtRest()
    const codes = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const { worker, traffic } = await serve()
        await sleep(50)
        worker.postMessage('end')
        const [code] = await once(worker, 'exit')
        await traffic.stop()
        return code
      }),
    )
    print({ codes, leftOver: await leftOver(before) })
  },

  /** The program exits while its workers serve. */
  async mainExits() {
    await Promise.all([serve(), serve(), serve()])
    await sleep(50)
    print({})
    process.exit(5)
  },

  /** process.exit in a worker's callback ends that worker only. */
  async workerExits() {
    const worker = own('exitInCallback')
    const [code] = await once(worker, 'exit')
    print({ code })
  },

  /** An exception in a worker's callback ends that worker, and its parent is told. */
  async workerThrows() {
    const worker = own('throwInCallback')
    // Not events.once: it rejects when an error comes first.
    const exited = new Promise((resolve) => worker.once('exit', resolve))
    const [error] = await once(worker, 'error')
    const code = await exited
    print({ message: error.message, code })
  },

  /** Nothing but a loop that is not referenced is left: the end comes long before its timer. */
  async unreferenced() {
    const eventer = Eventer.initSync()
    eventer.start()
    eventer.addIn(60_000, () => print('fired'))
    await sleep(1)
    eventer.unref()
  },

  /** The loop's reference alone keeps the process until its timer has fired. */
  async referenced() {
    const eventer = Eventer.initSync()
    eventer.start()
    eventer.unref()
    await sleep(1)
    eventer.addIn(200, () => {
      print('fired')
      eventer.unref()
      return 0
    })
    eventer.ref()
  },

  /** With a listener for uncaught exceptions a program goes on, and no record of the batch is lost. */
  async survives() {
    const eventer = await Eventer.init()
    eventer.start()
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.message))
    let ran = 0
    for (let i = 0; i < 20; i++) {
      eventer.addIn(0, () => {
        ran++
        if (i % 2 === 0) throw new Error(`planned ${i}`)
        return 0
      })
    }
    while (ran < 20) await sleep(5)
    print({ ran, seen: seen.length, allocations: eventer.allocations().current })
    await eventer[Symbol.asyncDispose]()
  },

  /** A descriptor that another thread watches by now outlives the worker that opened it; the other one does not. */
  async handsOver() {
    const worker = own('openPair')
    const [[near, far]] = await once(worker, 'message')
    const eventer = await Eventer.init()
    eventer.start()
    const ended = new Promise((resolve) => {
      const event = eventer.fdEvent(near, Mask.READ, () => {
        resolve(event.read(new Uint8Array(8)).eof)
        return 0
      })
      eventer.add(event)
    })
    await worker.terminate()
    const isOpen = (fd) => existsSync(`/proc/self/fd/${fd}`)
    print({ near: isOpen(near), far: isOpen(far), ended: await ended })
    await eventer.loops[0].closeFd(near)
    await eventer[Symbol.asyncDispose]()
  },

  /** Without one it ends with Node's own report. */
  async uncaught() {
    const server = await createServer().listen()
    const eventer = Eventer.current()
    eventer.addIn(0, () => {
      throw new Error(`planned, port ${server.port > 0}`)
    })
  },
}

const inWorker = {
  exitInCallback: () => process.exit(4),
  openPair: () => void parentPort.postMessage(Eventer.current().core.backend.sys.pair()),
  throwInCallback: () => {
    throw new Error('planned')
  },
}

if (isMainThread) await scenarios[process.argv[2]]()
else {
  Eventer.initSync().start()
  parentPort.ref()
  Eventer.current().addIn(5, () => inWorker[workerData]() ?? 0)
}

function own(name) {
  return new Worker(new URL(import.meta.url), { workerData: name })
}

async function serve() {
  const worker = new Worker(SERVING)
  const [ports] = await once(worker, 'message')
  return { worker, traffic: new Traffic(ports) }
}

function print(report) {
  console.log(JSON.stringify(report))
}
