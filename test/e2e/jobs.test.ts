import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../repo-files'
import { temporaryFolder } from '../temporary-folder'
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

/** A program of a few lines, with a module for its jobs. `isThreaded`: threads with the argument `other` run it as well. */
async function runText(text: string, backend: string, isThreaded = false) {
  const folder = temporaryFolder()
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
      export const movePort = (_, job) => {
        const { port1, port2 } = new MessageChannel()
        port1.unref()
        return job.transfer(port2, [port2])
      }
      export const moveBytes = (size, job) => {
        const memory = new ArrayBuffer(size)
        return job.transfer(memory, [memory])
      }
      if (isMainThread ${isThreaded ? "|| process.argv.includes('other')" : ''}) await main()
      async function main() { ${text} }`,
  )
  return await run(path, backend)
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

  it('JQ-01 see the queues of other isolates, where that is possible at all', async () => {
    const text = `
      const { threadId, Worker } = await import('node:worker_threads')
      const eventer = await Eventer.init()
      eventer.start()
      if (threadId === 0) {
        const queue = eventer.jobqs.create('q')
        const other = new Worker(new URL(import.meta.url), { argv: ['other'] })
        await new Promise((ended) => other.once('exit', ended))
        console.log(queue.stats().backlog, queue.stats().inflight)
      } else {
        const queue = eventer.jobqs.get('q')
        console.log(queue === undefined ? 'none' : await queue.run(of('echo'), 'from afar'))
        if (queue !== undefined) {
          const bytes = new Uint8Array(2 << 20)
          const back = await queue.run(of('echo'), bytes, { transfer: [bytes.buffer] })
          console.log(bytes.length, back.length, (await queue.run(of('moveBytes'), 3 << 20)).byteLength)
          const name = (error) => error.name
          console.log(await queue.run(of('echo'), new SharedArrayBuffer(4)).catch(name))
          console.log(await queue.run(of('movePort')).catch(name))
          queue.run(of('echo'), 'nobody hears')
        }
        process.exit()
      }
      await eventer[Symbol.asyncDispose]()`
    const seen = 'from afar\n0 2097152 3145728\nDataCloneError\nDataCloneError\n'
    expect(await runText(text, backend, true)).toEqual({
      code: 0,
      out: `${backend === 'native' ? seen : 'none\n'}0 0\n`,
      err: '',
    })
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
