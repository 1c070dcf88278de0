import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from './raw-client'
import { ServerChild, stopServers } from './server-child'

const HELLO = 'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n'
const MIB = 2 ** 20
/**
 * Time limits of the servers here. Honest clients must keep them on a machine that stands still for a while, hostile
 * ones miss them by far.
 */
const HEAD_MS = 2000
const REQUEST_MS = 3000
/** How long a deaf client is borne: longer than a look at what is buffered for it takes. */
const DEAF_MS = 6000

afterEach(stopServers)

/** Another client is served promptly, whatever the hostile ones do. */
async function expectServed(server: ServerChild): Promise<void> {
  const client = await RawClient.open(server.port)
  client.send(HELLO)
  expect(await client.answers(1)).toEqual(['Hello, world\n'])
  client.destroy()
}

describe.each(['native', 'js'])('hostile clients of the %s backend', (backend) => {
  it('one that sends its head byte by byte gets 408 and is closed', async () => {
    const server = await ServerChild.start(backend, {
      http: { headTimeout: HEAD_MS, requestTimeout: REQUEST_MS },
    })
    const started = performance.now()
    const client = await RawClient.open(server.port)
    for (const byte of HELLO) {
      if (client.closed) break
      client.send(byte)
      await sleep(100)
    }
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 408 [\s\S]*\r\nconnection: close\r\n/i)
    // Never before the time is up: such a client may be an honest one on a bad line.
    expect(performance.now() - started).toBeGreaterThan(HEAD_MS - 50)
    await server.expectSettled()
  })

  it('one that sends its body byte by byte gets 408 and is closed', async () => {
    const server = await ServerChild.start(backend, {
      http: { headTimeout: HEAD_MS, requestTimeout: REQUEST_MS },
    })
    const client = await RawClient.open(server.port)
    client.send('POST /sum HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n')
    for (let i = 0; i < 1000 && !client.closed; i++) {
      client.send('x')
      await sleep(50)
    }
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 408 [\s\S]*\r\nconnection: close\r\n/i)
    await server.expectSettled()
  })

  it('one that connects and says nothing is closed after a while, as is an idle one', async () => {
    const server = await ServerChild.start(backend, {
      http: { headTimeout: HEAD_MS, keepAliveTimeout: HEAD_MS },
    })
    const silent = await RawClient.open(server.port)
    const idle = await RawClient.open(server.port)
    idle.send(HELLO)
    expect(await idle.answers(1)).toEqual(['Hello, world\n'])
    expect(await silent.rest()).toMatch(/^(HTTP\/1\.1 408 [\s\S]*)?$/)
    expect(await idle.rest()).toBe('')
    await server.expectSettled()
  })

  it('ones that never read are dropped, and what is buffered for them stays bounded', async () => {
    const server = await ServerChild.start(backend, {
      http: { writeTimeout: DEAF_MS, highWaterBytes: 65536 },
    })
    const deaf = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(server.port)))
    for (const client of deaf) {
      client.socket.pause()
      client.send('GET /stream?bytes=67108864 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    }
    await sleep(700)
    await expectServed(server)
    const { engine, connections } = await server.counters()
    expect(connections.http).toBeGreaterThan(deaf.length)
    // The high-water mark and one block over it for each; the rest waits in the generator.
    expect(engine.bufferedBytes).toBeLessThan(deaf.length * 3 * 65536)
    await expectServed(server)
    await server.expectSettled()
    for (const client of deaf) client.destroy()
  })

  it('ones that ask and ask and never read: no more is read from them than is sent', async () => {
    const server = await ServerChild.start(backend, { http: { writeTimeout: DEAF_MS } })
    const client = await RawClient.open(server.port)
    client.socket.pause()
    // 400 answers of 1 MiB, asked for in one go.
    client.send('GET /block?bytes=1048576 HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(400))
    await sleep(500)
    await expectServed(server)
    const { engine } = await server.counters()
    expect(engine.bufferedBytes).toBeLessThan(40 * MIB)
    await server.expectSettled()
    client.destroy()
  })

  it('echo clients that never read are pushed back, and time out', async () => {
    const server = await ServerChild.start(backend, {
      echo: { idleTimeout: DEAF_MS, highWaterBytes: 65536 },
    })
    const deaf = await Promise.all(Array.from({ length: 5 }, () => RawClient.open(server.echoPort)))
    const block = Buffer.alloc(16 * MIB, 'x')
    for (const client of deaf) {
      client.socket.pause()
      client.send(block)
    }
    await sleep(700)
    await expectServed(server)
    const { engine, connections } = await server.counters()
    expect(connections.echo).toBe(deaf.length)
    expect(engine.bufferedBytes).toBeLessThan(deaf.length * MIB)
    await server.expectSettled()
    for (const client of deaf) client.destroy()
  })

  it('ones that reset in the middle of a head, a body, an answer', async () => {
    // The reset of a client that asked and went at once can look like the FIN of one that waits for its answer;
    // where nothing but a write could tell, the handler that never answers has to be given up first.
    const server = await ServerChild.start(backend, { http: { responseTimeout: 2000 } })
    const beginnings = [
      'GET /hel',
      'POST /sum HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nsome of it',
      'POST /sum HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nsome of it',
      'GET /stream?bytes=67108864 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /block?bytes=8388608 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n',
      `${HELLO}GET /slow?ms=100 HTTP/1.1\r\nHost: localhost\r\n\r\n${HELLO}`,
    ]
    for (let round = 0; round < 5; round++) {
      const clients = await Promise.all(beginnings.map(() => RawClient.open(server.port)))
      for (const [i, client] of clients.entries()) client.send(beginnings[i] as string)
      await sleep(20 * round)
      for (const client of clients) client.reset()
    }
    await expectServed(server)
    await server.expectSettled()
  })

  it('ones that half-close and wait get their answers, then FIN', async () => {
    const server = await ServerChild.start(backend)
    for (const [request, body] of [
      [HELLO, 'Hello, world\n'],
      ['GET /slow?ms=200 HTTP/1.1\r\nHost: localhost\r\n\r\n', 'slow\n'],
      ['POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody', 'body'],
    ] as const) {
      const client = await RawClient.open(server.port)
      client.send(request)
      client.halfClose()
      const text = await client.rest()
      expect([text.slice(0, 13), text.slice(text.indexOf('\r\n\r\n') + 4)]).toEqual(['HTTP/1.1 200 ', body])
      expect(client.error).toBeUndefined()
    }
    // In the middle of a head or a body there is nothing to answer.
    for (const part of [
      'GET /hel',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbo',
    ]) {
      const client = await RawClient.open(server.port)
      client.send(part)
      client.halfClose()
      expect(await client.rest()).not.toContain(' 200 ')
    }
    await server.expectSettled()
  })

  it('ones that send garbage get 400 and are closed', async () => {
    const server = await ServerChild.start(backend)
    const garbage: (string | Buffer)[] = [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'SSH-2.0-OpenSSH_9.2\r\n\r\n',
      Buffer.alloc(100_000, 0),
      Buffer.alloc(100_000, 0xff),
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'GET / HTTP/1.1\r\nBroken header\r\n\r\n',
    ]
    for (const bytes of garbage) {
      const client = await RawClient.open(server.port)
      client.send(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
      expect(await client.rest()).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\nconnection: close\r\n/i)
    }
    const long = await RawClient.open(server.port)
    long.send(`GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    expect(await long.rest()).toMatch(/^HTTP\/1\.1 (431|414|400) /)
    await expectServed(server)
    await server.expectSettled()
  })
})
