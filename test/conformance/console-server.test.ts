import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ControlClient, ControlServer } from '../../lib/console'
import { socketFolder } from '../temporary-folder'
import { eventually, socketPath, testControl } from './console-harness'
import { client, makeLoop, readAll, readBytes } from './net-harness'

const code = (expected: string) => expect.objectContaining({ code: expected })

async function serve(options: Partial<Parameters<typeof ControlServer.listen>[1]> = {}) {
  const commands = testControl()
  const loop = makeLoop()
  const where = options.port === undefined ? { path: socketPath() } : {}
  const server = await ControlServer.listen(commands.control, { loop, ...where, ...options })
  return { ...commands, loop, server, path: server.path as string }
}

describe('a control socket', () => {
  test('CN-01 A-CN-2 commands go over it, in text and XML; one that fails or is unknown ends nothing', async () => {
    const { server, path } = await serve()
    await using _ = server
    using console = await ControlClient.connect(path)
    expect(await console.command('say hello')).toEqual({ ok: true, text: 'hello\n' })
    expect(await console.command('fail')).toEqual({ ok: false, text: 'as told\n' })
    expect(await console.command('nope')).toMatchObject({
      ok: false,
      text: expect.stringContaining("'nope'"),
    })
    expect((await console.command('say <b>', { xml: true })).text).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<response><command>say &lt;b&gt;</command>' +
        '<result ok="true"><text>&lt;b&gt;\n</text></result></response>\n',
    )
    expect(await console.command('xml say b')).toEqual(await console.command('say b', { xml: true }))
    expect(await console.command('')).toEqual({ ok: true, text: '' })
    expect(await console.command('say ü€😀')).toEqual({ ok: true, text: 'ü€😀\n' })
    expect(server.clients).toBe(1)
  })

  test('CN-09 A-CN-2 clients take turns, each output is whole, and the loop goes on meanwhile', async () => {
    const { server, path, held, begun, ran, control } = await serve()
    await using _ = server
    using one = await ControlClient.connect(path)
    using two = await ControlClient.connect(path)
    const first = one.command('wait')
    await begun.opened
    const others = [two.command('say two'), one.command('say one')]
    await eventually(() => control.queueDepth === 2)
    expect(ran).toEqual([])
    using three = await ControlClient.connect(path)
    const last = three.command('say three')
    await eventually(() => control.queueDepth === 3)
    held.open()
    expect((await first).text).toBe('first half, second half\n')
    expect((await Promise.all([...others, last])).map(({ text }) => text)).toEqual([
      'two\n',
      'one\n',
      'three\n',
    ])
    expect(ran[0]).toBe('wait over, there')
  })

  test('CN-09 many commands of many clients: every answer is that of its question', async () => {
    const { server, path } = await serve()
    await using _ = server
    const clients = await Promise.all(Array.from({ length: 8 }, () => ControlClient.connect(path)))
    const asked = clients.flatMap((each, at) =>
      Array.from({ length: 50 }, async (_unused, n) => [
        `${at}/${n}\n`,
        await each.command(`say ${at}/${n}`),
      ]),
    )
    for (const [expected, result] of await Promise.all(asked))
      expect(result).toEqual({ ok: true, text: expected })
    for (const each of clients) each.close()
  })

  test('CN-09 an answer of 10 MB to a client that does not read holds up nobody, and nothing more is read', async () => {
    const { server, path, ran } = await serve()
    await using _ = server
    const stalled = await client({ path })
    stalled.pause()
    stalled.write('big 10000000\nsay after\n')
    using other = await ControlClient.connect(path)
    expect((await other.command('say other')).ok).toBe(true)
    // What the stalled one has said meanwhile is not even run.
    for (let n = 0; n < 20; n++) await other.command('say again')
    expect(ran).not.toContain('after')
    const head = await readBytes(stalled, 12)
    expect(head.toString()).toBe('ok 10000000\n')
    expect((await readBytes(stalled, 10_000_000)).every((byte) => byte === 0x78)).toBe(true)
    expect((await readBytes(stalled, 11)).toString()).toBe('ok 6\nafter\n')
  })

  test('a client that takes nothing of its answer is cut off after a while', async () => {
    const { server, path } = await serve({ stallTimeout: 50 })
    await using _ = server
    const stalled = await client({ path })
    stalled.pause()
    stalled.write('big 10000000\n')
    await eventually(() => server.clients === 1)
    await eventually(() => server.clients === 0)
    stalled.destroy()
  })

  test('a client that breaks off: what runs is told, what waits is dropped, the others go on', async () => {
    const { server, held, begun, ran, control } = await serve({ port: 0 })
    await using _ = server
    const where = { port: server.port as number, host: '127.0.0.1' }
    using stays = await ControlClient.connect(where)
    const leaves = await client(where)
    leaves.write('wait\nsay never\n')
    await begun.opened
    const waits = await client(where)
    waits.write('say never either\n')
    await eventually(() => control.queueDepth === 2)
    leaves.resetAndDestroy()
    waits.resetAndDestroy()
    await eventually(() => server.clients === 1 && control.queueDepth === 1)
    held.open()
    expect((await stays.command('say here')).text).toBe('here\n')
    expect(ran).toEqual(['wait over, left', 'here'])
  })

  test('a client that has ended its input gets the answers to what it said before', async () => {
    const { server, path, held, begun, ran } = await serve()
    await using _ = server
    const socket = await client({ path })
    socket.end('wait\nsay after\n')
    await begun.opened
    held.open()
    expect((await readAll(socket)).toString()).toBe('ok 24\nfirst half, second half\nok 6\nafter\n')
    expect(ran).toEqual(['wait over, there', 'after'])
  })

  test('lines come in pieces, several at once, with carriage returns; half a line at the end is none', async () => {
    const { server, path, ran } = await serve()
    await using _ = server
    const socket = await client({ path })
    socket.write('sa')
    socket.write('y a\r\nsay b\n\nsay')
    socket.end(' never')
    expect((await readAll(socket)).toString()).toBe('ok 2\na\nok 2\nb\nok 0\n')
    expect(ran).toEqual(['a', 'b'])
    await eventually(() => server.clients === 0)
  })

  test('lines that are too long, no UTF-8 or full of control characters are refused one by one', async () => {
    const { server, path } = await serve()
    await using _ = server
    const socket = await client({ path })
    const long = `say ${'x'.repeat(65_532)}`
    const lines = [
      'say begin\n',
      `${long}\n`,
      `${long}x\n`,
      `${long.repeat(20)}\n`,
      Buffer.from([0x73, 0x61, 0x79, 0x20, 0xff, 0xfe, 0x0a]),
      'say \x1b[2J\n',
      'say end\n',
    ]
    socket.end(Buffer.concat(lines.map((line) => Buffer.from(line))))
    const all = (await readAll(socket)).toString()
    const good = `ok 6\nbegin\nok 65533\n${long.slice(4)}\n`
    expect(all.startsWith(good)).toBe(true)
    const rest = all.slice(good.length)
    expect(rest.match(/^(error|ok) \d+$/gm)).toEqual(['error 34', 'error 34', 'error 19', 'error 49', 'ok 4'])
    expect(rest.endsWith('ok 4\nend\n')).toBe(true)
  })

  test('the client refuses lines that are none before it sends them', async () => {
    const { server, path, ran } = await serve()
    await using _ = server
    using console = await ControlClient.connect(path)
    const bad = code('ERR_INVALID_ARGUMENT')
    for (const line of ['say a\nsay b', 'say \0', `say ${'x'.repeat(65_533)}`, 5 as never])
      await expect(console.command(line)).rejects.toThrow(bad)
    await expect(console.command(`say ${'x'.repeat(65_530)}`, { xml: true })).rejects.toThrow(bad)
    await expect(console.command('say a', { timeout: -1 })).rejects.toThrow(bad)
    await expect(console.command('say a', { signal: {} as never })).rejects.toThrow(bad)
    expect(ran).toEqual([])
  })

  test('a wait of the client that ends early leaves it in step', async () => {
    const { server, path, held, begun } = await serve()
    await using _ = server
    using console = await ControlClient.connect(path)
    const stop = new AbortController()
    const stopped = console.command('wait', { signal: stop.signal })
    await begun.opened
    stop.abort(new Error('enough'))
    await expect(stopped).rejects.toThrow('enough')
    await expect(console.command('say late', { timeout: 1 })).rejects.toThrow(code('ETIME'))
    held.open()
    expect((await console.command('say next')).text).toBe('next\n')
  })
})

describe('the end of a control socket', () => {
  test('what is under way is answered, what is idle is closed, the file goes', async () => {
    const { server, path, held, begun } = await serve()
    using busy = await ControlClient.connect(path)
    using idle = await ControlClient.connect(path)
    await eventually(() => server.clients === 2)
    const answer = busy.command('wait')
    await begun.opened
    const closed = server.close({ timeout: 60_000 })
    await eventually(() => !idle.isOpen)
    expect(existsSync(path)).toBe(false)
    held.open()
    expect((await answer).text).toBe('first half, second half\n')
    await closed
    await eventually(() => !busy.isOpen)
    await expect(busy.command('say a')).rejects.toThrow(code('ERR_CLOSED'))
    await expect(ControlClient.connect(path)).rejects.toThrow(code('ENOENT'))
    await server.close()
  })

  test('a file that cannot be removed is told, when all else is closed', async () => {
    const folder = join(socketFolder(), 'c')
    const path = join(folder, 'socket')
    const { server, control } = await serve({ path })
    using console = await ControlClient.connect(path)
    await eventually(() => server.clients === 1)
    renameSync(folder, `${folder}.away`)
    writeFileSync(folder, 'no folder')
    await expect(server.close()).rejects.toThrow(code('ENOTDIR'))
    await eventually(() => !console.isOpen)
    expect([server.clients, control.queueDepth]).toEqual([0, 0])
    await expect(ControlClient.connect(join(`${folder}.away`, 'socket'))).rejects.toThrow(
      code('ECONNREFUSED'),
    )
  })

  test('a command that goes on is cut off after the time allowed', async () => {
    const { server, path, held, begun, ran } = await serve()
    using console = await ControlClient.connect(path)
    const answer = console.command('wait')
    answer.catch(() => {})
    await begun.opened
    await server.close({ timeout: 20 })
    await expect(answer).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/ERR_END|ECONN/) }),
    )
    held.open()
    await eventually(() => ran.length === 1)
    expect(ran).toEqual(['wait over, left'])
  })
})

describe('the socket file', () => {
  test('its owner alone may open it, and nothing else is left in the folder', async () => {
    const { server, path } = await serve()
    expect((statSync(path).mode & 0o7777).toString(8)).toBe('600')
    expect(statSync(path).isSocket()).toBe(true)
    await server.close()
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('a folder that is missing is made for the owner; one that others may write to is refused', async () => {
    const folder = socketFolder()
    const { server } = await serve({ path: join(folder, 'new', 'c') })
    expect((statSync(join(folder, 'new')).mode & 0o777).toString(8)).toBe('700')
    await server.close()
    for (const mode of [0o777, 0o1777, 0o720]) {
      const open = join(folder, mode.toString(8))
      mkdirSync(open)
      chmodSync(open, mode)
      await expect(serve({ path: join(open, 'c') })).rejects.toThrow(code('EACCES'))
      expect(readdirSync(open)).toEqual([])
    }
    await expect(serve({ path: join(folder, 'not', 'there', 'c') })).rejects.toThrow(code('ENOENT'))
  })

  test('a name that a dead process has left is taken over, a live one is EADDRINUSE, a file is EEXIST', async () => {
    const { server, path } = await serve()
    await expect(serve({ path })).rejects.toThrow(code('EADDRINUSE'))
    using console = await ControlClient.connect(path)
    expect((await console.command('say alive')).text).toBe('alive\n')
    await server.close()
    await leaveSocket(path)
    await expect(ControlClient.connect(path)).rejects.toThrow(code('ECONNREFUSED'))
    const heir = await serve({ path })
    using again = await ControlClient.connect(path)
    expect((await again.command('say heir')).text).toBe('heir\n')
    await heir.server.close()
    const file = socketPath()
    writeFileSync(file, 'precious')
    await expect(serve({ path: file })).rejects.toThrow(code('EEXIST'))
    const link = socketPath()
    symlinkSync(file, link)
    await expect(serve({ path: link })).rejects.toThrow(code('EEXIST'))
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('a path that is too long or nonsense is refused, and leaves nothing', async () => {
    const bad = code('ERR_INVALID_ARGUMENT')
    const folder = dirname(socketPath())
    const before = readdirSync(folder)
    for (const path of [join(folder, 'x'.repeat(120)), '', 'a\0b', 5 as never])
      await expect(serve({ path })).rejects.toThrow(bad)
    expect(readdirSync(folder)).toEqual(before)
    await expect(ControlClient.connect('x'.repeat(200))).rejects.toThrow(bad)
    await expect(ControlClient.connect({})).rejects.toThrow(bad)
    await expect(serve({ path: socketPath(), port: 0 })).rejects.toThrow(bad)
    await expect(ControlServer.listen({} as never, { path: socketPath() })).rejects.toThrow(bad)
    await expect(ControlServer.listen(testControl().control, { loop: makeLoop() })).rejects.toThrow(bad)
  })
})

describe('a control port', () => {
  test('CN-01 listens on this machine alone', async () => {
    const { server, path } = await serve({ port: 0 })
    await using _ = server
    expect(path).toBeUndefined()
    using console = await ControlClient.connect({ port: server.port as number })
    expect((await console.command('say tcp')).text).toBe('tcp\n')
    for (const host of [
      '0.0.0.0',
      '::',
      '*',
      '10.0.0.1',
      '128.0.0.1',
      'example.org',
      '127.0.0.1.example.org',
    ])
      await expect(serve({ port: 0, host })).rejects.toThrow(code('ERR_INVALID_ARGUMENT'))
  })

  test('a token comes first; without it nothing is run', async () => {
    const { server, ran } = await serve({ port: 0, token: 's3cret' })
    await using _ = server
    const port = server.port as number
    await expect(ControlClient.connect({ port, token: 'wrong' })).rejects.toThrow(code('EACCES'))
    const socket = await client({ port, host: '127.0.0.1' })
    socket.write('say never\nauth s3cret\nsay never\n')
    expect((await readAll(socket)).toString()).toBe(
      'error 46\nauth and the token of this console come first\n',
    )
    using console = await ControlClient.connect({ port, token: 's3cret' })
    expect((await console.command('say known')).text).toBe('known\n')
    expect(ran).toEqual(['known'])
    for (const token of ['', 'two words', 'a\n', 5 as never])
      await expect(serve({ port: 0, token })).rejects.toThrow(code('ERR_INVALID_ARGUMENT'))
  })

  test('those who do not say the token keep nobody out who does, and are cut off after a while', async () => {
    const { server } = await serve({ port: 0, token: 's3cret', maxClients: 2, authTimeout: 0 })
    await using _ = server
    const where = { port: server.port as number, host: '127.0.0.1' }
    const gone: number[] = []
    for (let at = 0; at < 7; at++) {
      const idle = await client(where)
      idle.on('error', () => {}).on('close', () => gone.push(at))
    }
    using console = await ControlClient.connect({ ...where, token: 's3cret' })
    using other = await ControlClient.connect({ ...where, token: 's3cret' })
    expect((await console.command('say here')).text).toBe('here\n')
    expect((await other.command('say here too')).text).toBe('here too\n')
    await eventually(() => gone.length >= 5)
    expect(gone.slice(0, 5).sort()).toEqual([0, 1, 2, 3, 4])

    const quick = await serve({ port: 0, token: 's3cret', authTimeout: 20 })
    await using __ = quick.server
    const port = quick.server.port as number
    using trusted = await ControlClient.connect({ port, token: 's3cret' })
    for (const said of ['', 'auth', 'x'.repeat(70_000)]) {
      const silent = await client({ port, host: '127.0.0.1' })
      silent.on('error', () => {}).write(said)
      await once(silent.resume(), 'close')
    }
    expect((await trusted.command('say still here')).text).toBe('still here\n')
  })

  test('a browser that is made to post commands is cut off, however it begins', async () => {
    const { server, ran } = await serve({ port: 0 })
    await using _ = server
    const url = `http://127.0.0.1:${server.port}/`
    await expect(fetch(url, { method: 'POST', body: '\nsay never\n' })).rejects.toThrow()
    for (const target of ['\xff', 'x'.repeat(70_000)]) {
      const socket = await client({ port: server.port as number, host: '127.0.0.1' })
      socket.write(Buffer.from(`POST /${target} HTTP/1.1\r\nHost: a\r\n\r\nsay never\r\n`, 'latin1'))
      await readAll(socket)
    }
    expect(ran).toEqual([])
  })
})

describe('a client', () => {
  test('of what is no control socket, or says too much, fails', async () => {
    const path = socketPath()
    for (const [answer, expected] of [
      ['HTTP/1.1 400 Bad Request\r\n', 'EPROTO'],
      ['ok 5 \nabcde', 'EPROTO'],
      ['ok -5\n', 'EPROTO'],
      ['ok 00\n', 'EPROTO'],
      ['x'.repeat(30), 'EPROTO'],
      ['ok 999999999999999\n', 'ERR_READ_LIMIT'],
      ['ok 3\nabcok 3\nabc', undefined],
      ['ok 5\nab', 'ERR_END_OF_STREAM'],
      ['', 'ERR_END_OF_STREAM'],
    ] as const) {
      const other = createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.end(answer))
      }).listen(path)
      await once(other, 'listening')
      const console = await ControlClient.connect(path)
      if (expected === undefined) expect((await console.command('any')).text).toBe('abc')
      else await expect(console.command('any'), answer).rejects.toThrow(code(expected))
      await eventually(() => !console.isOpen)
      await expect(console.command('any')).rejects.toThrow(code('ERR_CLOSED'))
      other.close()
      await once(other, 'close')
    }
  })

  test('that closes rejects what it waits for', async () => {
    const { server, path, held, begun } = await serve()
    await using _ = server
    const console = await ControlClient.connect({ path })
    const answer = console.command('wait')
    answer.catch(() => {})
    await begun.opened
    console.close()
    console.close()
    await expect(answer).rejects.toThrow(code('ERR_CLOSED'))
    held.open()
  })
})

/** A socket's file that nobody serves. */
async function leaveSocket(path: string): Promise<void> {
  const { link, unlink } = await import('node:fs/promises')
  const dying = createServer().listen(`${path}.x`)
  await once(dying, 'listening')
  await link(`${path}.x`, path)
  dying.close()
  await once(dying, 'close')
  await unlink(`${path}.x`).catch(() => {})
}
