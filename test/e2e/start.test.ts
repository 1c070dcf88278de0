import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { socketFolder } from '../temporary-folder'
import { Program } from './program'

const run = promisify(execFile)
const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

const ports = (http: number, echo: number): string[] => [
  '-D',
  `HTTP_Listener:web.Port=${http}`,
  '-D',
  `Listener:echo.Port=${echo}`,
]

interface Example {
  readonly program: Program
  /** http://host:port, without a path. */
  readonly origin: string
  readonly httpPort: number
  readonly echoPort: number
}

function start(backend: string, args: readonly string[]): Program {
  const program = new Program(['dist/cli/bin.js', 'run', 'examples/heddle.conf', ...args], {
    HEDDLE_BACKEND: backend,
  })
  programs.push(program)
  return program
}

async function startExample(backend: string): Promise<Example> {
  const program = start(backend, [...ports(0, 0), '-D', `Control.Path=${join(socketFolder(), 'socket')}`])
  const http = await program.output(/(http:\/\/127\.0\.0\.1:(\d+))\//)
  const echo = await program.output(/echo\s+127\.0\.0\.1:(\d+)\n/)
  return { program, origin: http[1] as string, httpPort: Number(http[2]), echoPort: Number(echo[1]) }
}

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '120', ...args], {
    maxBuffer: 1 << 26,
  })
  return stdout
}

async function json(url: string): Promise<unknown> {
  return JSON.parse(await curl(url))
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

describe.each(['native', 'js'])('npm start on the %s backend', (backend) => {
  it('serves the page, /hello and /echo to curl (LS-01)', async () => {
    const { origin } = await startExample(backend)
    expect(await curl(`${origin}/`)).toContain('<h1>Heddle</h1>')
    expect(await curl(`${origin}/hello`)).toBe('Hello, world\n')
    expect(await curl('--data', 'some bytes', `${origin}/echo`)).toBe('some bytes')
    expect(await curl('--output', '/dev/null', '--write-out', '%{http_code}', `${origin}/none`)).toBe('404')
    expect(await curl('--head', `${origin}/hello`)).toMatch(
      /^HTTP\/1\.1 200 .*\r\n[\s\S]*content-length: 13\r\n/i,
    )
  })

  it('echoes a long chunked upload unchanged', async () => {
    const { origin } = await startExample(backend)
    const body = 'heddle '.repeat(50_000)
    const child = run(
      'curl',
      [
        '-sS',
        '--max-time',
        '120',
        '-T',
        '-',
        '-X',
        'POST',
        '-H',
        'Transfer-Encoding: chunked',
        `${origin}/echo`,
      ],
      { maxBuffer: 1 << 26 },
    )
    child.child.stdin?.end(body)
    expect((await child).stdout === body).toBe(true)
  })

  it('enumerates what is alive (OB-01, EV-17)', async () => {
    const { origin, httpPort, echoPort } = await startExample(backend)
    const socket = await openSocket(echoPort)
    const sockets = JSON.stringify(await json(`${origin}/eventer/sockets.json`))
    expect(sockets).toContain(`"port":${httpPort}`)
    expect(sockets).toContain(`"port":${echoPort}`)
    expect(sockets).toContain(`"port":${socket.localPort}`)
    const timers = await json(`${origin}/eventer/timers.json`)
    expect(timers).toEqual(expect.arrayContaining([expect.objectContaining({ callback: 'example/tick' })]))
    expect(await json(`${origin}/stats.json`)).toMatchObject({ backend })
    socket.destroy()
  })

  it('accounts for the memory of every connection (MT-10, MT-18)', async () => {
    const { origin, echoPort } = await startExample(backend)
    const sockets = [await openSocket(echoPort), await openSocket(echoPort)]
    interface Memory {
      readonly totals: { readonly live: number; readonly bytes: number }
      readonly types: readonly { readonly type: string; readonly live: number; readonly bytes: number }[]
    }
    const { totals, types } = (await json(`${origin}/memory.json`)) as Memory
    if (backend === 'native') {
      const used = (type: string): number => types.find((row) => row.type === type)?.live ?? 0
      expect(used('net:connections')).toBeGreaterThan(0)
      expect(used('net:listeners')).toBeGreaterThan(0)
      expect(totals.live).toBeGreaterThan(10)
    }
    expect(types.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(totals.bytes)
    for (const socket of sockets) socket.destroy()
  })

  it('echoes bytes on the TCP port and closes after FIN', async () => {
    const { echoPort } = await startExample(backend)
    const socket = await openSocket(echoPort)
    socket.end('ping pong')
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toBe('ping pong')
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('drains on %s and exits with 0', async (signal) => {
    const { program, httpPort, echoPort } = await startExample(backend)
    const echo = await openSocket(echoPort)
    const idle = await openSocket(httpPort)
    const busy = await openSocket(httpPort)
    busy.write('POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab')
    await once(idle.end('GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'data')
    program.signal(signal)
    await program.output(/draining/)
    busy.write('cd')
    const [answer] = (await once(busy, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 [\s\S]*abcd$/)
    echo.destroy()
    expect(await program.exit()).toBe(0)
    expect(program.stderr).toBe('')
    for (const socket of [idle, busy]) socket.destroy()
  })

  it('says in one line that a port is taken, and exits with 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    for (const [args, line] of [
      [ports(port, 0), /^heddle: \S*heddle\.conf:\d+: HTTP_Listener "web": EADDRINUSE[^\n]*\n$/],
      [ports(0, port), /^heddle: \S*heddle\.conf:\d+: Listener "echo": EADDRINUSE[^\n]*\n$/],
    ] as const) {
      const program = start(backend, args)
      expect(await program.exit()).toBe(1)
      expect(program.stderr).toMatch(line)
      expect(program.stderr).toContain(`:${port}`)
    }
    taken.close()
  })
})
