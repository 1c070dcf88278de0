import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from './raw-client'
import { ServerChild, stopServers } from './server-child'

const HELLO = 'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n'
/** Few enough to run out, enough for Node itself. */
const LIMIT = 64
/** How long the exhausted server is watched, and the CPU time that is surely no busy loop. */
const WATCH_MS = 2000
const MOST_CPU_MS = WATCH_MS / 4

afterEach(stopServers)

/** CPU time of a process so far, in milliseconds: a server without descriptors cannot be asked by a new client. */
async function cpuMs(client: RawClient): Promise<number> {
  client.send('GET /cpu HTTP/1.1\r\nHost: localhost\r\n\r\n')
  return Number((await client.answers(1))[0])
}

/** Whether a client that comes now gets its answer. */
async function isServed(port: number): Promise<boolean> {
  const client = await RawClient.open(port)
  client.send(HELLO)
  const answers = await client.answers(1).catch(() => [])
  client.destroy()
  return answers[0] === 'Hello, world\n'
}

describe('a server out of descriptors', () => {
  it('stops accepting without a busy loop, says EMFILE, serves the backlog later (LS-10, FD-08)', async () => {
    const server = await ServerChild.start('native', {}, { descriptors: LIMIT })
    const observer = await RawClient.open(server.port)
    await cpuMs(observer)
    const clients = await Promise.all(Array.from({ length: 2 * LIMIT }, () => RawClient.open(server.port)))
    for (const client of clients) client.send(HELLO)
    await server.program.output(/"accept-error","code":"EMFILE"/)

    const before = await cpuMs(observer)
    await sleep(WATCH_MS)
    expect((await cpuMs(observer)) - before).toBeLessThan(MOST_CPU_MS)

    // Everybody is served in the end, because those who were go away.
    const served = new Set<RawClient>()
    while (served.size < clients.length) {
      const ready = clients.filter((client) => !served.has(client) && client.text.endsWith('Hello, world\n'))
      for (const client of ready) {
        served.add(client)
        client.destroy()
      }
      const broken = clients.find((client) => !served.has(client) && client.closed)
      expect(broken?.error).toBeUndefined()
      await sleep(10)
    }
    observer.destroy()
    await server.expectSettled()
  })

  it('on the js backend loses clients, as node:net does, but goes on serving', async () => {
    const server = await ServerChild.start('js', {}, { descriptors: LIMIT })
    const clients = await Promise.all(Array.from({ length: 2 * LIMIT }, () => RawClient.open(server.port)))
    for (const client of clients) client.send(HELLO)
    for (const client of clients) {
      await client.until(({ text, closed }) => closed || text.endsWith('Hello, world\n'))
      client.destroy()
    }
    // One more is lost as long as the server has not seen the others go.
    await expect.poll(() => isServed(server.port), { timeout: 60_000 }).toBe(true)
    await server.expectSettled()
  })
})
