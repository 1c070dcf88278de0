import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CaseResult } from '../harness/compare.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'jobq'
export const describe = 'jobs on worker threads and on native ones: tiny, empty, 64 KiB'

const runFile = promisify(execFile)
const MEASURE = fileURLToPath(new URL('../jobq/measure.mjs', import.meta.url))
const TIMEOUT_MS = 120_000

const POOLS = [
  'heddle',
  'heddle-js',
  'piscina',
  'piscina-64',
  'tinypool',
  'tinypool-64',
  'workerpool',
  'poolifier',
]
const THREADS = [...POOLS, 'message-channel']
const NATIVE_POOLS = ['heddle', 'libuv']
const ALL = [...THREADS, 'libuv']
const MOVERS = THREADS.filter((name) => name !== 'poolifier')

const rate = { key: 'rate', unit: 'jobs/s', better: 'higher' }
const median = { key: 'medianUs', unit: 'us, median', better: 'lower' }
const cpu = { key: 'cpuUs', unit: 'us of CPU a job, all threads', isAside: true }

const CASES = [
  ...[1, 2].flatMap((threads) =>
    [1, 16, 256].map((outstanding) => ({
      name: `add(a, b), ${threads} worker, ${outstanding} outstanding`,
      task: 'add',
      outstanding,
      threads,
      contestants: THREADS,
    })),
  ),
  // Four is libuv's own number.
  ...[1, 4].flatMap((threads) =>
    [1, 16, 256].map((outstanding) => ({
      name: `an empty native job, ${threads} thread${threads > 1 ? 's' : ''}, ${outstanding} outstanding`,
      task: 'nothing',
      outstanding,
      threads,
      contestants: NATIVE_POOLS,
    })),
  ),
  {
    name: '64 KiB copied there, 1 worker, 16 outstanding',
    task: 'copy',
    outstanding: 16,
    threads: 1,
    contestants: THREADS,
  },
  {
    name: '64 KiB moved there and back, 1 worker, 16 outstanding',
    task: 'move',
    outstanding: 16,
    threads: 1,
    contestants: MOVERS,
  },
]

/** Not bound to a core: the threads of a contestant are what is measured. Each has as many of them. */
async function measure(contestant, { task, outstanding, threads }, seconds) {
  const args = [MEASURE, contestant, task, outstanding, threads, seconds * 1000].map(String)
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(threads) }
  const { stdout } = await runFile(process.execPath, args, { timeout: TIMEOUT_MS, env })
  return JSON.parse(stdout)
}

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  for (const task of chosenCases(CASES, options.caseFilter)) {
    const names = chosenContestants(ALL, options.only).filter((name) => task.contestants.includes(name))
    const contestants = names.map((contestant) => ({ name: contestant }))
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      measure(contestant.name, task, options.seconds),
    )
    yield new CaseResult(task.name, task.outstanding === 1 ? [median, rate, cpu] : [rate, cpu], samples)
  }
}
