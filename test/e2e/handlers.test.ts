import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from './raw-client'
import { ServerChild, stopServers } from './server-child'

afterEach(stopServers)

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

describe.each(['native', 'js'])('handlers that fail, on the %s backend', (backend) => {
  it('throw or reject: 500, a report, and the connection goes on', async () => {
    const server = await ServerChild.start(backend)
    const client = await RawClient.open(server.port)
    for (const [path, message] of [
      ['/throw', 'thrown on purpose'],
      ['/reject', 'rejected on purpose'],
    ] as const) {
      client.send(get(path) + get('/hello'))
      await client.until(({ text }) => text.endsWith('Hello, world\n'), `answers to ${path}`)
      expect(client.text).toMatch(/^HTTP\/1\.1 500 [\s\S]*HTTP\/1\.1 200 /)
      client.received = Buffer.alloc(0)
      await server.program.output(new RegExp(message))
      expect(server.told('error')).toContainEqual({ event: 'error', message, url: path })
    }
    client.destroy()
    await server.expectSettled()
  })

  it('reject in the middle of an answer: the client sees that it is not whole', async () => {
    const server = await ServerChild.start(backend)
    const client = await RawClient.open(server.port)
    client.send(get('/reject-late'))
    const text = await client.rest()
    expect(text).toMatch(/^(HTTP\/1\.1 200 [\s\S]*the beginning\r\n)?$/)
    expect(text).not.toContain('\r\n0\r\n')
    await server.program.output(/rejected in the middle/)
    expect(server.told('error')).toEqual([
      { event: 'error', message: 'rejected in the middle', url: '/reject-late' },
    ])
    await server.expectSettled()
  })

  it('never answer: 503 when the time is up, or the client goes and nothing is left', async () => {
    const server = await ServerChild.start(backend, { http: { responseTimeout: 500 } })
    const patient = await RawClient.open(server.port)
    const hasty = await RawClient.open(server.port)
    patient.send(get('/never') + get('/hello'))
    hasty.send(get('/never'))
    await sleep(100)
    hasty.destroy()
    await patient.until(({ text }) => text.includes('Hello, world\n'), 'the answer behind the lost one')
    expect(patient.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*HTTP\/1\.1 200 /)
    patient.destroy()
    await server.expectSettled()
  })
})
