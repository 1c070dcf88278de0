/**
 * One measurement of one contestant, in a process of its own: `node measure.mjs NAME TASK OUTSTANDING THREADS MS`, with the
 * contestant bench/jobq/NAME.mjs. Prints one JSON line. A wrong answer ends it with an error.
 */
const [contestant, task, outstandingText, threadsText, msText] = process.argv.slice(2)
const outstanding = Number(outstandingText)
const ms = Number(msText)
const BYTES = 65_536

const { create } = await import(`./${contestant}.mjs`)
const pool = await create(Number(threadsText))

/** Each of those outstanding goes on with what it has: a buffer that comes back is sent again. */
const TASKS = {
  add: () => async (i) => {
    if ((await pool.add(i, 1)) !== i + 1) throw new Error('a wrong sum')
  },
  copy: () => {
    const bytes = new Uint8Array(BYTES)
    return async () => {
      if ((await pool.copy(bytes)) !== BYTES) throw new Error('a wrong length')
    }
  },
  move: () => {
    let bytes = new Uint8Array(BYTES)
    return async () => {
      bytes = await pool.move(bytes)
      if (bytes.byteLength !== BYTES) throw new Error('bytes were lost')
    }
  },
  nothing: () => async () => {
    await pool.nothing()
  },
}

async function load(forMs, times) {
  const begin = performance.now()
  let done = 0
  let now = begin
  const line = async () => {
    const once = TASKS[task]()
    while (now - begin < forMs) {
      const from = now
      await once(done)
      done++
      now = performance.now()
      times?.push(now - from)
    }
  }
  await Promise.all(Array.from({ length: outstanding }, line))
  return { done, seconds: (performance.now() - begin) / 1000 }
}

await load(ms / 3)
const times = outstanding === 1 ? [] : undefined
const cpu = process.cpuUsage()
const { done, seconds } = await load(ms, times)
const { user, system } = process.cpuUsage(cpu)
times?.sort((a, b) => a - b)
const medianUs = times === undefined ? undefined : times[times.length >> 1] * 1000
process.stdout.write(`${JSON.stringify({ rate: done / seconds, medianUs, cpuUs: (user + system) / done })}\n`)
process.exit()
