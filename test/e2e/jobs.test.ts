import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../repo-files'
import { Program } from './program'

const BACKENDS = ['native', 'js']

/** Runs a program to its end. */
async function run(
  path: string,
  backend: string,
): Promise<{ code: number | string; out: string; err: string }> {
  const program = new Program([path], { HEDDLE_BACKEND: backend })
  try {
    const code = await program.exit()
    return { code, out: program.stdout, err: program.stderr }
  } finally {
    await program.stop()
  }
}

/** A program of a few lines, with a module for its jobs. */
async function runText(text: string, backend: string) {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-jobs-'))
  try {
    const path = join(folder, 'program.mjs')
    writeFileSync(
      path,
      `import { isMainThread } from 'node:worker_threads'
      import { createRequire } from 'node:module'
      const { Eventer } = createRequire(${JSON.stringify(`${ROOT}/`)})(${JSON.stringify(ROOT)})
      const of = (name) => ({ module: import.meta.url, export: name })
      export const leave = () => process.exit(3)
      export const echo = (value) => value
      export const forever = (cells) => new Promise(() => setInterval(() => { cells[0] = 1 }, 1))
      if (isMainThread) await main()
      async function main() { ${text} }`,
    )
    return await run(path, backend)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe.each(BACKENDS)('programs with job queues, on the %s backend', (backend) => {
  it('the example counts primes on two threads, and stops when it is told to (JQ-01, AS-12)', async () => {
    expect(await run('examples/jobs.mjs', backend)).toEqual({
      code: 0,
      out: '33860 primes below 400000, in 8 jobs\nthe search ended: TimeoutError\n',
      err: '',
    })
  })

  it('A-TP-11 [TP-20] with the policy exit end when a worker dies, after fatal', async () => {
    const text = `
      const eventer = await Eventer.init()
      eventer.start()
      eventer.jobqs.on('fatal', ({ queue, exitCode }) => console.log('fatal', queue, exitCode))
      eventer.jobqs.create('q', { onWorkerDeath: 'exit' }).run(of('leave')).catch(() => {})`
    expect(await runText(text, backend)).toEqual({ code: 70, out: 'fatal q 3\n', err: '' })
  })

  it('O-6 end by themselves: idle workers do not keep them, jobs under way do', async () => {
    const text = `
      const eventer = await Eventer.init()
      eventer.unref().start()
      const queue = eventer.jobqs.create('q', { concurrency: 2, floor: 2 })
      queue.run(of('echo'), 'under way').then((value) => console.log(value))`
    expect(await runText(text, backend)).toEqual({ code: 0, out: 'under way\n', err: '' })
  })

  it('end when they say so, whatever their workers do', async () => {
    const text = `
      const eventer = await Eventer.init()
      eventer.start()
      const queue = eventer.jobqs.create('q')
      await queue.run(of('echo'), 1)
      const cells = new Int32Array(new SharedArrayBuffer(4))
      queue.run(of('forever'), cells).catch((error) => console.log(error.code))
      while (cells[0] === 0) await new Promise(setImmediate)
      await eventer[Symbol.asyncDispose]()
      console.log('over')`
    const { code, out, err } = await runText(text, backend)
    expect([code, out.split('\n').sort(), err]).toEqual([0, ['', 'ERR_WORKER_DIED', 'over'], ''])
  })
})
