import { execFile, spawnSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { ServerChild, stopServers } from './server-child'
import { ROOT } from '../repo-files'

const run = promisify(execFile)
const SECONDS = 10
const CONNECTIONS = 64
/** Without an answer for so long, a generator takes the server for broken. */
const PATIENCE_S = 60

afterEach(stopServers)

interface Load {
  readonly requests: number
  readonly errors: number
  readonly otherAnswers: number
}

const hasWrk = spawnSync('wrk', ['-v']).error === undefined

async function wrk(url: string): Promise<Load> {
  const { stdout } = await run('wrk', [
    '-t1',
    `-c${CONNECTIONS}`,
    `-d${SECONDS}s`,
    '--timeout',
    `${PATIENCE_S}s`,
    url,
  ])
  const count = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)
  return {
    requests: count(/(\d+) requests in/),
    errors: errors === null ? 0 : errors.slice(1).reduce((sum, text) => sum + Number(text), 0),
    otherAnswers: count(/Non-2xx or 3xx responses: (\d+)/),
  }
}

async function autocannon(url: string): Promise<Load> {
  const args = [
    'node_modules/autocannon/autocannon.js',
    '-j',
    '-c',
    `${CONNECTIONS}`,
    '-d',
    `${SECONDS}`,
    '-t',
    `${PATIENCE_S}`,
    url,
  ]
  const { stdout } = await run(process.execPath, args, { cwd: ROOT })
  const result = JSON.parse(stdout) as Record<'errors' | 'timeouts' | 'non2xx', number> & {
    requests: { total: number }
  }
  return {
    requests: result.requests.total,
    errors: result.errors + result.timeouts,
    otherAnswers: result.non2xx,
  }
}

function get(agent: Agent, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, port, host: '127.0.0.1', path }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text)).on('error', reject)
    })
    outgoing.on('error', reject).end()
  })
}

describe.each(['native', 'js'])('the %s backend under load', (backend) => {
  it('serves a load generator for ten seconds without an error, and goes on', async () => {
    const server = await ServerChild.start(backend)
    const load = await (hasWrk ? wrk : autocannon)(`${server.origin}/hello`)
    expect(load).toMatchObject({ errors: 0, otherAnswers: 0 })
    expect(load.requests).toBeGreaterThan(CONNECTIONS)
    await server.expectSettled()
  })

  it("answers 200 parallel requests of Node's fetch", async () => {
    const server = await ServerChild.start(backend)
    const bodies = Array.from({ length: 200 }, (_, i) => `body ${i} ${'x'.repeat(i * 50)}`)
    const answers = await Promise.all(
      bodies.map(async (body) => (await fetch(`${server.origin}/echo`, { method: 'POST', body })).text()),
    )
    expect(answers).toEqual(bodies)
    const streamed = await fetch(`${server.origin}/stream?bytes=1000000`)
    expect((await streamed.arrayBuffer()).byteLength).toBe(1_000_000)
    await server.expectSettled()
  })

  it("answers 200 parallel requests of Node's keep-alive agent, twice over the same connections", async () => {
    const server = await ServerChild.start(backend)
    const agent = new Agent({ keepAlive: true, maxSockets: 200 })
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => get(agent, server.port, '/slow?ms=50')),
      )
      expect(new Set(answers)).toEqual(new Set(['slow\n']))
      expect((await server.counters()).connections.http).toBeLessThanOrEqual(201)
    }
    agent.destroy()
    await server.expectSettled()
  })
})
