import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from './raw-client'
import { ServerChild, stopServers } from './server-child'

afterEach(stopServers)

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** Code of a connection attempt that must fail. */
async function refusal(port: number): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  } finally {
    socket.destroy()
  }
}

describe.each(['native', 'js'])('SIGTERM on the %s backend', (backend) => {
  it('completes every request under way, refuses new connections, exits with 0 (LS-12, A-LS-6)', async () => {
    const server = await ServerChild.start(backend)
    const slow = await Promise.all(Array.from({ length: 40 }, () => RawClient.open(server.port)))
    for (const [i, client] of slow.entries()) client.send(get(`/slow?ms=${500 + 20 * i}`))
    const pipelined = await RawClient.open(server.port)
    pipelined.send(get('/slow?ms=900') + get('/hello') + get('/slow?ms=10'))
    const uploading = await RawClient.open(server.port)
    uploading.send('POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf')
    const reading = await RawClient.open(server.port)
    reading.socket.pause()
    reading.send(get('/sized?bytes=20000000'))
    const idle = await RawClient.open(server.port)
    idle.send(get('/hello'))
    expect(await idle.answers(1)).toEqual(['Hello, world\n'])
    const silent = await RawClient.open(server.port)
    await sleep(200)

    server.program.signal('SIGTERM')
    await server.program.output(/"draining"/)
    expect(await idle.rest()).toBe('')
    expect(await silent.rest()).toBe('')
    expect(await refusal(server.port)).toBe('ECONNREFUSED')
    expect(await refusal(server.echoPort)).toBe('ECONNREFUSED')

    uploading.send('full')
    reading.socket.resume()
    for (const client of slow) expect(await client.rest()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nslow\n$/)
    expect(await uploading.rest()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nhalffull$/)
    expect(await pipelined.answers(3)).toEqual(['slow\n', 'Hello, world\n', 'slow\n'])
    const large = await reading.rest()
    expect(large.length - large.indexOf('\r\n\r\n') - 4).toBe(20_000_000)
    expect(await server.program.exit()).toBe(0)
    expect(server.program.stderr).toBe('')
    for (const client of [...slow, pipelined, uploading, reading]) expect(client.error).toBeUndefined()
  })

  it('waits for TCP connections to end', async () => {
    const server = await ServerChild.start(backend)
    const client = await RawClient.open(server.echoPort)
    client.send('one')
    await client.until(({ text }) => text === 'one')
    server.program.signal('SIGTERM')
    await server.program.output(/"draining"/)
    client.send(' two')
    await client.until(({ text }) => text === 'one two')
    client.halfClose()
    expect(await client.rest()).toBe('one two')
    expect(await server.program.exit()).toBe(0)
  })
})
