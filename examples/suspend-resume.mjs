// A session is suspended while a job reads what it asks for: echo file:///etc/hostname | node examples/suspend-resume.mjs
//
// The session is standard input: each line is a URL, whose contents go to standard output. The callback that has read a line
// keeps a duplicate of its event, queues a job, and returns 0, which frees the event: nothing watches the descriptor
// meanwhile. The completion of the job schedules the duplicate, and the same callback goes on with what the job has read.
import { readFile } from 'node:fs/promises'
import { writeSync } from 'node:fs'
import { capabilities, Eventer, Mask, ThreadPools } from 'heddle'

const [INPUT, OUTPUT] = [0, 1]

/** What a thread of the pool runs: this module is loaded there, too. */
export async function readUrl(_job, url) {
  if (url.startsWith('file:')) return readFile(new URL(url), 'utf8')
  return (await fetch(url)).text()
}

class Session {
  #state = 'waiting for a line'
  #line = ''
  #job
  #pools
  #ended

  constructor(pools, ended) {
    this.#pools = pools
    this.#ended = ended
  }

  onReady = (event) => {
    for (;;) {
      if (this.#state === 'waiting for the contents') {
        writeSync(
          OUTPUT,
          this.#job.error === undefined ? this.#job.value : `failed: ${this.#job.error.message}\n`,
        )
        this.#state = 'waiting for a line'
      }
      const end = this.#line.indexOf('\n')
      if (end >= 0) return this.#suspend(event, end)
      const chunk = Buffer.alloc(1024)
      const { n, again, eof, need } = event.read(chunk)
      if (again) return need
      if (eof) return this.#close(event)
      this.#line += chunk.toString('utf8', 0, n)
    }
  }

  /** Returns 0, which frees the event; its duplicate is the job's until the completion. */
  #suspend(event, end) {
    const session = this.#pools.suspend(event)
    const url = this.#line.slice(0, end)
    this.#line = this.#line.slice(end + 1)
    this.#job = this.#pools.job({ worker: { module: import.meta.url, export: 'readUrl' }, closure: url })
    this.#pools.wakeEventOnCompletion(this.#job, session.event, Mask.READ)
    this.#pools.queue(this.#job)
    this.#state = 'waiting for the contents'
    return 0
  }

  #close(event) {
    event.close().then(this.#ended)
    return 0
  }
}

async function main() {
  if (!capabilities().systemDescriptors) throw new Error('descriptors need the native backend')
  const eventer = await Eventer.init()
  eventer.start()
  const pools = ThreadPools.of(eventer)
  pools.configure({ ThreadPool: { IO: { Concurrency: 2 } } })
  await new Promise((ended) => {
    eventer.setNonblocking(INPUT)
    eventer.add(eventer.fdEvent(INPUT, Mask.READ, new Session(pools, ended).onReady))
  })
  await pools.shutdown()
  await eventer[Symbol.asyncDispose]()
}

// A thread of the pool wants the function above and nothing else.
const { isMainThread } = await import('node:worker_threads')
if (isMainThread) await main()
