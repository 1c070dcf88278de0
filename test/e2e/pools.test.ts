import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { ROOT } from '../repo-files'
import { curl } from './curl'
import { Program } from './program'

const programs: Program[] = []
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

function start(args: readonly string[], backend: string): Program {
  const program = new Program(args, { HEDDLE_BACKEND: backend })
  programs.push(program)
  return program
}

describe('the example of pools', () => {
  it.each([
    ['native', 'embedded', 2],
    ['native', 'native', 2],
    ['native', 'worker', 2],
    ['js', 'embedded', 2],
    ['js', 'worker', 1],
  ] as const)('PO-01 on the %s backend serves curl from %s loops, and ends', async (backend, kind, loops) => {
    const program = start(['examples/pools.mjs', kind, String(loops), '0'], backend)
    const [url] = (await program.output(/http:\S+/)) as unknown as [string]
    const threads = new Set<string>()
    for (let n = 0; n < 20; n++) {
      const { code, body } = await curl([`${url}${n}`])
      expect(code).toBe(0)
      const [, thread] = /^Hello from thread (\d+), \/\d+\n$/.exec(String(body)) as RegExpExecArray
      threads.add(thread as string)
    }
    expect(threads.has('0')).toBe(kind !== 'worker')
    program.signal('SIGTERM')
    expect(await program.exit()).toBe(0)
    expect(program.stdout).toMatch(/bye\n$/)
    expect(program.stderr).toBe('')
  })
})

const SCRIPT = `
import { Eventer } from 'heddle'
const die = new URL('data:text/javascript,export const die = () => process.exit(5)')
const web = { kind: 'worker', concurrency: 1, onWorkerDeath: process.argv[1] }
const eventer = await Eventer.init({ pools: { web } })
eventer.on('fatal', ({ pool, index, error, respawns }) => console.log(pool, index, error.code, respawns))
const [worker] = eventer.pool('web').threads
await worker.call({ module: die, export: 'die' }).catch(({ code }) => console.log(code))
`
const args = (policy: string) => ['--input-type=module', '-e', SCRIPT, policy]

const UNCLONEABLE = `
import { Eventer } from 'heddle'
const pools = { web: { kind: 'worker', data: () => 1 } }
await Eventer.init({ pools }).catch(({ code, cause }) => console.log(code, cause.name))
`

/** The eventer lives in a worker thread. */
const NESTED = `
import { Worker } from 'node:worker_threads'
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(process.argv[1])))
worker.on('exit', (code) => console.log('thread', code))
`
const PACKAGE = JSON.stringify(pathToFileURL(join(ROOT, 'dist/index.js')).href)
const INNER = SCRIPT.replace('process.argv[1]', "'exit'").replace("'heddle'", PACKAGE)

describe.each(['native', 'js'])('a process with a pool of workers, on the %s backend', (backend) => {
  it('TP-20 A-TP-11 ends with code 1 after fatal, where a dead worker is to end it', async () => {
    const program = start(args('exit'), backend)
    expect(await program.exit()).toBe(1)
    expect(program.stdout).toContain('web 0 ERR_WORKER_DIED false\n')
  })

  it('TP-20 ends the thread with code 1 instead, where the eventer is in one', async () => {
    const program = start(['--input-type=module', '-e', NESTED, INNER], backend)
    expect([await program.exit(), program.stderr]).toEqual([0, ''])
    expect(program.stdout).toContain('web 0 ERR_WORKER_DIED false\n')
    expect(program.stdout).toContain('thread 1\n')
  })

  it('PO-01 O-6 ends by itself where the data of the pool cannot be cloned', async () => {
    const program = start(['--input-type=module', '-e', UNCLONEABLE], backend)
    expect([await program.exit(), program.stderr]).toEqual([0, ''])
    expect(program.stdout).toBe('EINVAL DataCloneError\n')
  })

  it('TP-20 A-TP-11 O-6 goes on where it is to be replaced, and ends when it has nothing to do', async () => {
    const program = start(args('respawn'), backend)
    expect([await program.exit(), program.stderr]).toEqual([0, ''])
    expect(program.stdout.split('\n').sort()).toEqual(['', 'ERR_WORKER_DIED', 'web 0 ERR_WORKER_DIED true'])
  })
})
