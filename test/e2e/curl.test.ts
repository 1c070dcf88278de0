import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { hasIPv6 } from '../loopback'
import { temporaryFolder } from '../temporary-folder'
import { curl } from './curl'
import { RawClient } from './raw-client'
import { ServerChild, stopServers } from './server-child'
import { pattern } from './servers/pattern.mjs'

const MIB = 2 ** 20

afterEach(stopServers)

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe.each(['native', 'js'])('curl against the %s backend', (backend) => {
  it('fetches several URLs over one connection (LS-01)', async () => {
    const server = await ServerChild.start(backend)
    const urls = ['/hello', '/block?bytes=5', '/hello', '/stream?bytes=100000'].map(
      (path) => server.origin + path,
    )
    const args = urls.flatMap((url) => [
      '-o',
      '/dev/null',
      '-w',
      '%{num_connects} %{http_code} %{size_download}\n',
      url,
    ])
    const { code, body, stderr } = await curl(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(body.toString()).toBe('1 200 13\n0 200 5\n0 200 13\n0 200 100000\n')
    await server.expectSettled()
  })

  it('uploads chunked from a pipe, small and large', async () => {
    const server = await ServerChild.start(backend, { http: { maxBodyBytes: 16 * MIB } })
    for (const bytes of [0, 1, 70_000, 8 * MIB]) {
      const data = pattern(bytes)
      const { code, body } = await curl(['-T', '-', `${server.origin}/sum`], data)
      expect(code).toBe(0)
      expect(JSON.parse(body.toString())).toEqual({ bytes, sha256: sha256(data) })
    }
    const posted = await curl(
      ['-H', 'Transfer-Encoding: chunked', '--data-binary', '@-', `${server.origin}/echo`],
      pattern(100_000),
    )
    expect([posted.code, sha256(posted.body)]).toEqual([0, sha256(pattern(100_000))])
    await server.expectSettled()
  })

  it('waits for 100 Continue, and sends nothing when it is refused', async () => {
    const server = await ServerChild.start(backend)
    const data = pattern(300_000)
    const expectHeader = [
      '-i',
      '-H',
      'Expect: 100-continue',
      '--expect100-timeout',
      '20',
      '--data-binary',
      '@-',
    ]
    const asked = await curl([...expectHeader, `${server.origin}/sum`], data)
    expect(asked.code).toBe(0)
    const answer = asked.body.toString()
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
    expect(JSON.parse(answer.slice(answer.lastIndexOf('\r\n')))).toEqual({
      bytes: 300_000,
      sha256: sha256(data),
    })

    const write = ['-w', '\n%{http_code} %{size_upload}']
    const refused = await curl([...expectHeader, ...write, `${server.origin}/refuse`], data)
    expect(refused.code).toBe(0)
    expect(refused.body.toString()).toMatch(/^HTTP\/1\.1 417 [\s\S]*\r\n\r\nnot wanted\n\n417 0$/)
    await server.expectSettled()
  })

  it('gets the head of an answer and nothing else with HEAD', async () => {
    const server = await ServerChild.start(backend)
    const head = await curl(['--head', `${server.origin}/block?bytes=100000`, `${server.origin}/hello`])
    expect(head.code).toBe(0)
    expect(head.body.toString()).toMatch(
      /^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)*content-length: 100000\r\n(?:[^\r\n]+\r\n)*\r\nHTTP\/1\.1 200 OK\r\n/i,
    )
    expect(head.body.toString()).toMatch(/content-length: 13\r\n(?:[^\r\n]+\r\n)*\r\n$/i)
    await server.expectSettled()
  })

  it('downloads large bodies at a limited rate, unchanged, several at a time', async () => {
    const server = await ServerChild.start(backend)
    const bytes = 12 * MIB
    const download = async (path: string): Promise<void> => {
      const { code, body } = await curl(['--limit-rate', '3M', `${server.origin}${path}?bytes=${bytes}`])
      expect([path, code, body.length, sha256(body)]).toEqual([path, 0, bytes, sha256(pattern(bytes))])
    }
    await Promise.all(['/block', '/stream', '/sized', '/small-chunks'].map(download))
    await server.expectSettled()
  })

  it('uploads a large body at a limited rate, unchanged', async () => {
    const server = await ServerChild.start(backend, { http: { maxBodyBytes: 16 * MIB } })
    const data = pattern(6 * MIB)
    const args = ['--limit-rate', '3M', '-H', 'Expect:', '--data-binary', '@-', `${server.origin}/sum`]
    const { code, body } = await curl(args, data)
    expect(code).toBe(0)
    expect(JSON.parse(body.toString())).toEqual({ bytes: data.length, sha256: sha256(data) })
    await server.expectSettled()
  })

  it('speaks HTTP/1.0: no chunks, and the connection ends the body', async () => {
    const server = await ServerChild.start(backend)
    const { code, body } = await curl(['--http1.0', '-i', `${server.origin}/stream?bytes=200000`])
    expect(code).toBe(0)
    const head = body.subarray(0, body.indexOf('\r\n\r\n') + 4)
    expect(head.toString()).not.toMatch(/transfer-encoding/i)
    expect(sha256(body.subarray(head.length))).toBe(sha256(pattern(200_000)))
    const short = await curl(['--http1.0', '-w', '%{http_code}', `${server.origin}/hello`])
    expect([short.code, short.body.toString()]).toEqual([0, 'Hello, world\n200'])
    await server.expectSettled()
  })

  it('reports a body over the limit as 413', async () => {
    const server = await ServerChild.start(backend, { http: { maxBodyBytes: 1000 } })
    const args = ['-H', 'Expect:', '-o', '/dev/null', '-w', '%{http_code}', '--data-binary', '@-']
    const large = await curl([...args, `${server.origin}/sum`], pattern(200_000))
    expect([large.code, large.body.toString()]).toEqual([0, '413'])
    const chunked = await curl(
      [...args, '-H', 'Transfer-Encoding: chunked', `${server.origin}/sum`],
      pattern(200_000),
    )
    expect([chunked.code, chunked.body.toString()]).toEqual([0, '413'])
    await server.expectSettled()
  })

  it('answers before the body has come, and the connection stays usable or is closed cleanly', async () => {
    const server = await ServerChild.start(backend, { http: { maxBodyBytes: 16 * MIB } })
    const args = ['-H', 'Expect:', '--data-binary', '@-', '-w', '%{http_code}', `${server.origin}/ignore`]
    const { code, body } = await curl(args, pattern(4 * MIB))
    expect([code, body.toString()]).toEqual([0, 'ignored\n200'])
    await server.expectSettled()
  })

  it('connects to a unix socket and to a second address, of IPv6 where there is one (LS-02)', async () => {
    const [host, inUrl] = hasIPv6 ? ['::1', '[::1]'] : ['127.0.0.2', '127.0.0.2']
    const folder = temporaryFolder()
    const path = join(folder, 'http.sock')
    const server = await ServerChild.start(backend, { also: [{ path }, { host }] })
    const unix = await curl(['--unix-socket', path, 'http://localhost/hello'])
    expect([unix.code, unix.body.toString()]).toEqual([0, 'Hello, world\n'])
    const large = await curl(['--unix-socket', path, '-T', '-', 'http://localhost/sum'], pattern(500_000))
    expect(JSON.parse(large.body.toString())).toEqual({ bytes: 500_000, sha256: sha256(pattern(500_000)) })
    const second = await curl([`http://${inUrl}:${server.ports[2]}/hello`])
    expect([second.code, second.body.toString()]).toEqual([0, 'Hello, world\n'])
    await server.expectSettled()
  })
})

describe.each(['native', 'js'])('a client that pipelines, against the %s backend', (backend) => {
  it('gets its answers in order, however the requests are cut', async () => {
    const server = await ServerChild.start(backend)
    const count = 100
    const requests = Array.from({ length: count }, (_, i) => {
      const body = `body ${i}`
      return `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }).join('')
    const expected = Array.from({ length: count }, (_, i) => `body ${i}`)
    for (const size of [requests.length, 1000, 37]) {
      const client = await RawClient.open(server.port)
      for (let at = 0; at < requests.length; at += size) client.send(requests.slice(at, at + size))
      expect(await client.answers(count)).toEqual(expected)
      client.destroy()
    }
    await server.expectSettled()
  })

  it('gets slow answers before later fast ones', async () => {
    const server = await ServerChild.start(backend)
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    const client = await RawClient.open(server.port)
    client.send(get('/slow?ms=300') + get('/hello') + get('/slow?ms=10') + get('/block?bytes=3'))
    expect(await client.answers(4)).toEqual([
      'slow\n',
      'Hello, world\n',
      'slow\n',
      pattern(3).toString('latin1'),
    ])
    client.destroy()
    await server.expectSettled()
  })
})
