import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { version } from '../../lib/version'
import { ROOT, read } from '../repo-files'
import { socketFolder } from '../temporary-folder'
import { Program } from './program'

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

function play(backend: string, args: readonly string[]): Program {
  const program = new Program(args, { HEDDLE_BACKEND: backend })
  programs.push(program)
  return program
}

/** A module given as text. */
const script = (backend: string, text: string) => play(backend, ['--input-type=module', '--eval', text])

const START = `import { Eventer, connect, createServer, listen } from 'heddle'
  const eventer = await Eventer.init()
  eventer.start()\n`

describe.each(['native', 'js'])('a program on the %s backend', (backend) => {
  it('stays alive with a started eventer that has nothing to do (SD-07, A-SD-3)', async () => {
    const program = script(backend, `${START}setTimeout(() => console.log('still here'), 300).unref()`)
    await program.output(/still here/)
    program.signal('SIGTERM')
    expect(await program.exit()).toBe('SIGTERM')
  })

  it.each([
    ['an eventer that is not started', `import { Eventer } from 'heddle'\nawait Eventer.init()`],
    ['unref', `${START}eventer.addIn(60_000, () => 0)\neventer.unref()`],
    ['stop', `${START}await eventer.stop()`],
    ['disposal', `${START}await eventer[Symbol.asyncDispose]()`],
    [
      'a server that has closed, with its clients',
      `import { createServer } from 'heddle'
       const server = await createServer((_req, res) => res.end('ok')).listen({ port: 0 })
       console.error(await (await fetch('http://127.0.0.1:' + server.port)).text())
       await server.close({ drain: true })`,
    ],
  ])('ends by itself with 0 after %s (SD-07)', async (_after, text) => {
    const program = script(backend, `${text}\nconsole.log('the last line')`)
    await program.output(/the last line/)
    expect(await program.exit()).toBe(0)
  })

  // Eight hundred terminations are minutes of work for two cores. Forty-eight show what a leak per worker would do to
  // the descriptors, and two hundred more, amid traffic, are among the tests of life-cycles.
  it('and eight workers load it at once, six times over; half end inside a callback (PK-06, A-PK-7, A-SD-3)', {
    timeout: 600_000,
  }, async () => {
    const program = play(backend, ['test/e2e/servers/many-workers.mjs', '8', '6'])
    expect([await program.exit(), program.stderr]).toEqual([0, ''])
    const { leftOver, ticksOfRounds } = JSON.parse(program.stdout) as Record<string, number[]>
    expect(leftOver).toEqual([])
    expect(ticksOfRounds).toHaveLength(6)
    expect(Math.min(...(ticksOfRounds ?? []))).toBeGreaterThan(0)
  })
})

it('the example drains and exits with 0 although nobody reads its output any more (SD-07)', async () => {
  const ports = ['-D', 'HTTP_Listener:web.Port=0', '-D', 'Listener:echo.Port=0']
  const socket = ['-D', `Control.Path=${join(socketFolder(), 'socket')}`]
  const command = ['dist/cli/bin.js', 'run', 'examples/heddle.conf']
  const child = spawn(process.execPath, [...command, ...ports, ...socket], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  await once(child.stdout, 'data')
  child.stdout.destroy()
  await once(child.stdout, 'close')
  child.kill('SIGTERM')
  const [code] = (await once(child, 'close')) as [number | null]
  expect([code, errors]).toEqual([0, ''])
})

it('is told versions and features (PK-09)', () => {
  const { version: own } = JSON.parse(read('package.json')) as { version: string }
  const told = version()
  expect(told).toMatchObject({ package: own, native: own, napi: Number(process.versions.napi) })
  expect(told.features).toEqual(expect.arrayContaining(['systemDescriptors', 'threadedClose']))
})
