import { afterEach, describe, expect, it } from 'vitest'
import { Program } from './program'
import { RawClient } from './raw-client'
import { ServerChild, stopServers } from './server-child'

const COUNT = 10_000
/** For the connections and what else a program holds. */
const DESCRIPTORS = COUNT + 500
const CROWD_MS = 300_000
/** One after the other, so that each waits for whatever the idle ones cost. */
const REQUESTS = 1000

let crowd: Program | undefined

afterEach(async () => {
  await crowd?.stop()
  await stopServers()
})

describe.each(['native', 'js'])('ten thousand idle connections of the %s backend', (backend) => {
  it('do not keep others waiting, and leave nothing behind (LS-10)', { timeout: 2 * CROWD_MS }, async () => {
    const options = { http: { keepAliveTimeout: 0, headTimeout: 0, maxConnections: 2 * COUNT } }
    const server = await ServerChild.start(backend, options, { descriptors: DESCRIPTORS })
    const args = ['test/e2e/servers/idle-clients.mjs', JSON.stringify({ port: server.port, count: COUNT })]
    crowd = new Program(args, {}, { descriptors: DESCRIPTORS, input: true })
    await crowd.output(/open 10000/)

    const { connections } = await server.counters()
    expect(connections.http).toBe(COUNT + 1)
    const client = await RawClient.open(server.port)
    for (let i = 0; i < REQUESTS; i++) {
      client.send('GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n')
      expect(await client.answers(1)).toEqual(['Hello, world\n'])
    }
    client.destroy()

    crowd.endInput()
    expect([await crowd.exit(), crowd.stderr]).toEqual([0, ''])
    await server.expectSettled()
  })
})
