import { describe, expect, test } from 'vitest'
import { parseResponses, serve } from './http-harness'

describe('routes', () => {
  const build = (fallback = false) =>
    serve(fallback ? (req, res) => res.end(`fallback ${req.path}`) : undefined, {}, (server) => {
      server.route('GET', '/', (_, res) => res.end('home'))
      server.route(['get', 'POST'], '/both', (req, res) => res.end(req.method))
      server.route('GET', '/users/:id', (req, res) => res.json(req.params))
      server.route('DELETE', '/users/:id/items/:item', (req, res) => res.json(req.params))
      server.route('GET', '/users/me', (req, res) => res.json(['me', Object.keys(req.params)]))
      server.route('GET', '/files/*', (req, res) => res.end(req.params['*']))
      server.route('POST', '/async/:n', async (req, res) => res.end(`${req.params.n} ${await req.text()}`))
    })

  test('LS-01 static paths, parameters and wildcards', async () => {
    await using s = await build()
    const get = async (path: string) => (await fetch(`${s.url}${path}`)).text()
    expect(await get('/')).toBe('home')
    expect(await get('/?a=1')).toBe('home')
    expect(await get('/users/42')).toBe('{"id":"42"}')
    expect(await get('/users/a%20b')).toBe('{"id":"a b"}')
    expect(await get('/users/me')).toBe('["me",[]]')
    expect(await get('/u%73ers/me')).toBe('["me",[]]')
    expect(await get('/files/a/b.txt?x')).toBe('a/b.txt')
    expect(await (await fetch(`${s.url}/async/7`, { method: 'POST', body: 'body' })).text()).toBe('7 body')
    const response = await fetch(`${s.url}/users/1/items/2`, { method: 'DELETE' })
    expect(await response.json()).toEqual({ id: '1', item: '2' })
  })

  test('LS-01 404, 405 with Allow, OPTIONS, HEAD from GET', async () => {
    await using s = await build()
    expect((await fetch(`${s.url}/nothing`)).status).toBe(404)
    const wrong = await fetch(`${s.url}/both`, { method: 'PUT', body: 'x' })
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS, POST'])
    const options = await fetch(`${s.url}/users/1/items/2`, { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'DELETE, OPTIONS'])
    for (const path of ['/', '/users/42']) {
      const head = await fetch(`${s.url}${path}`, { method: 'HEAD' })
      expect([head.status, Number(head.headers.get('content-length')) > 0, await head.text()]).toEqual([
        200,
        true,
        '',
      ])
    }
    const star = parseResponses(await s.raw('OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
    expect([star[0]?.status, star[0]?.headers.allow]).toEqual([204, 'DELETE, GET, HEAD, OPTIONS, POST'])
  })

  test('LS-01 the handler of the server gets what no route has a path for', async () => {
    await using s = await build(true)
    expect(await (await fetch(`${s.url}/else`)).text()).toBe('fallback /else')
    expect(await (await fetch(`${s.url}/both`)).text()).toBe('GET')
    expect((await fetch(`${s.url}/both`, { method: 'PUT', body: 'x' })).status).toBe(405)
  })

  test('LS-01 a path that cannot be decoded is a 404, not a crash', async () => {
    await using s = await build()
    const [response] = parseResponses(
      await s.raw('GET /users/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    )
    expect(response?.status).toBe(404)
    expect(s.errors).toEqual([])
  })

  test('LS-01 bad and repeated routes are refused', async () => {
    await using s = await build()
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
    expect(() => s.server.route('GET', 'no-slash', () => {})).toThrow(invalid)
    expect(() => s.server.route('GET', '/', () => {})).toThrow(invalid)
    expect(() => s.server.route('NONSENSE', '/n', () => {})).toThrow(invalid)
  })
})
