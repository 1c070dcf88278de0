import { once } from 'node:events'
import { chownSync, existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { sharedFolder } from '../temporary-folder'
import { canBecome } from '../users'
import { Application, folderWith, heddle, heddleResult, stopPrograms } from './application'
import { curl } from './curl'

afterEach(stopPrograms)

const HANDLERS = `
  export const one = (req, res) => res.end('one')
  export const two = (req, res) => res.end('two')
  export const never = () => {
    process.stderr.write('never\\n')
    return new Promise(() => {})
  }
  export const id = (req, res) => res.end(req.params.id)
  export const echoes = { onData: (connection, view) => void connection.write(view) }
  export async function shout(connection) {
    const line = await connection.readUntil('\\n')
    await connection.writeAll(String(line).toUpperCase())
    await connection.close()
  }
  export const whoami = (req, res) => res.end(process.getuid() + ' ' + process.getgid())
  export const text = 'no function'
  export const empty = { ondata() {} }
`

const listener = (route: string, more = ''): string =>
  `HTTP_Listener "web" { Port = 0\n ${more}\n Route "GET /" { Handler = "./handlers.mjs#${route}" } }\n`

async function text(url: string): Promise<string> {
  const { code, body, stderr } = await curl([url])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return String(body)
}

/** A module that says what is done with it, and answers requests before the routes. */
const MODULE = `
  import { App, defineModule, defineOption, Eventer } from 'heddle'
  const say = (...words) => process.stdout.write('life: ' + words.join(' ') + '\\n')
  export default defineModule({
    name: 'life',
    options: {
      greeting: defineOption({ type: 'string', default: 'hello' }),
      fails: defineOption({ type: 'string', default: 'never' }),
    },
    confSetup() { say('confSetup') },
    extInit(self, txn, output, { mode, privileged }) {
      say(mode, privileged ? 'privileged' : 'plain', Eventer.find() ? 'loops' : 'none')
      if (mode === 'destroy') return
      const fails = self.fetchAtInit(txn, 'fails')
      const isTime = fails.value === (privileged ? 'privileged' : mode)
      fails.release()
      if (isTime) throw new Error('as it was told')
      if (privileged) return
      const greeting = self.fetchAtInit(txn, 'greeting')
      self.privateData = greeting.value
      greeting.release()
      self.hooks.resolve('core', 'post_conf').registerLast((closure, generation) => say('post_conf', generation), self)
      self.hooks.resolve('http', 'request').registerLast((closure, request, response) => {
        if (request.path !== '/module') return false
        response.end(closure.privateData)
        return true
      }, self)
    },
  })`

const withModule = (stanza: string, route = 'one'): string =>
  `Module_Path = ( "modules" )\n${stanza}\n${listener(route)}`

const MODULE_FILES = { 'handlers.mjs': HANDLERS, 'modules/life.mjs': MODULE, 'modules/life.ecm': '[life]\n' }

/** Asks again and again, each time over a new connection or always over one, until told to stop: how often, and what came. */
function loadOn(url: string, keepAlive: boolean) {
  const agent = new Agent({ keepAlive, maxSockets: 1 })
  const answers = new Map<string, number>()
  const waiting: (() => void)[] = []
  let isOver = false
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      const request = get(url, { agent }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () => resolve(`${response.statusCode} ${body}`))
        response.on('error', (error) => resolve(error.message))
      })
      request.on('error', (error) => resolve(error.message))
    })
  const run = async (): Promise<void> => {
    while (!isOver) {
      const answer = await ask()
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
      for (const look of waiting.splice(0)) look()
    }
    agent.destroy()
  }
  const done = run()
  return {
    answers,
    /** Resolves when it has come. */
    seen: async (answer: string) => {
      while (!answers.has(answer)) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    stop: async () => {
      isOver = true
      await done
    },
  }
}

describe.each(['native', 'js'])('heddle run on the %s backend', (backend) => {
  it('serves routes, a handler for the rest, TCP in callbacks and in coroutines, and Unix sockets (LS-01)', async () => {
    const app = await Application.start(backend, {
      'handlers.mjs': HANDLERS,
      'app.conf': `
        HTTP_Listener "web" {
          Port = 0
          Handler = "./handlers.mjs#two"
          Route "GET /one" { Handler = "./handlers.mjs#one" }
          Route "GET,POST /users/:id" { Handler = "./handlers.mjs#id" Aco = true }
        }
        HTTP_Listener "local" { Path = "local.sock" Handler = "./handlers.mjs#one" }
        HTTP_Listener "off" { Port = 1 Enabled = false Handler = "./nowhere.mjs" }
        Listener "echo" { Port = 0 Handler = "./handlers.mjs#echoes" }
        Listener "shout" { Port = 0 Aco = true Handler = "./handlers.mjs#shout" }`,
    })
    const origin = app.origin('web')
    expect(await text(`${origin}/one`)).toBe('one')
    expect(await text(`${origin}/users/7`)).toBe('7')
    expect(await text(`${origin}/else`)).toBe('two')
    const local = await curl(['--unix-socket', join(app.folder, 'local.sock'), 'http://localhost/'])
    expect(String(local.body)).toBe('one')
    for (const [name, answer] of [
      ['echo', 'ping\n'],
      ['shout', 'PING\n'],
    ] as const) {
      const socket = connect(app.port(name), '127.0.0.1')
      socket.write('ping\n')
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      expect(String(bytes)).toBe(answer)
      socket.destroy()
    }
    app.program.signal('SIGTERM')
    expect(await app.program.exit()).toBe(0)
    expect(app.program.stderr).toBe('')
    expect(existsSync(join(app.folder, 'local.sock'))).toBe(false)
  })

  it('reloads under load without losing a request (A-CF-2)', async () => {
    const app = await Application.start(backend, { 'handlers.mjs': HANDLERS, 'app.conf': listener('one') })
    const url = `${app.origin('web')}/`
    const loads = [loadOn(url, true), loadOn(url, false), loadOn(url, true), loadOn(url, false)]
    for (let generation = 2; generation <= 21; generation++) {
      const other =
        generation % 3 === 0 ? 'HTTP_Listener "x" { Port = 0 Handler = "./handlers.mjs#one" }' : ''
      app.write('app.conf', listener(generation % 2 === 0 ? 'two' : 'one') + other)
      await app.reload(generation)
      // Each load has met both, however slow it is.
      const answer = ['200 two', '200 one'][generation - 2]
      if (answer) await Promise.all(loads.map((load) => load.seen(answer)))
    }
    for (const load of loads) await load.stop()
    for (const { answers } of loads) {
      expect([...answers.keys()].sort()).toEqual(['200 one', '200 two'])
    }
    expect(app.program.stderr).toBe('')
  })

  it('keeps all as it was when a reload fails, and says where (A-CF-3)', async () => {
    const app = await Application.start(backend, { 'handlers.mjs': HANDLERS, 'app.conf': listener('one') })
    const url = `${app.origin('web')}/`
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    for (const [conf, message] of [
      [`${listener('two')}\nHTTP_Listener {`, /SIGHUP: \S*app\.conf:\d+/],
      [`${listener('two')}Drain_Timeout = soon`, /SIGHUP: \S*app\.conf:\d+.*Drain_Timeout/],
      [listener('nothing'), /SIGHUP: \S*app\.conf:3: Route "GET \/": nothing of/],
      [
        `${listener('two')}Listener "a" { Path = "a.sock" Handler = "./handlers.mjs#echoes" }
         Listener "b" { Port = ${port} Handler = "./handlers.mjs#echoes" }`,
        /SIGHUP: \S*app\.conf:5: Listener "b": EADDRINUSE/,
      ],
    ] as const) {
      const before = app.program.stderr.length
      app.write('app.conf', conf)
      app.program.signal('SIGHUP')
      await app.program.complaint(message)
      expect(app.program.stderr.slice(before)).toMatch(message)
      expect(await text(url)).toBe('one')
    }
    expect(existsSync(join(app.folder, 'a.sock'))).toBe(false)
    app.write('app.conf', listener('two'))
    await app.reload(2)
    expect(await text(url)).toBe('two')
    taken.close()
  })

  it('ends in the middle of a reload, with modules and new listeners under way', async () => {
    const app = await Application.start(backend, { ...MODULE_FILES, 'app.conf': withModule('life { }') })
    for (let at = 0; at < 5; at++) {
      const more = `HTTP_Listener "x${at}" { Port = 0 Handler = "./handlers.mjs#one" }`
      app.write('app.conf', `${withModule(`life { greeting = g${at} }`, 'two')}${more}`)
      app.program.signal('SIGHUP')
    }
    app.program.signal('SIGTERM')
    expect(await app.program.exit()).toBe(0)
    expect(app.program.stderr).toBe('')
  })

  it('goes on, and drains, when nobody reads what it tells any more', async () => {
    const conf = listener('one')
    const app = await Application.start(backend, { 'handlers.mjs': HANDLERS, 'app.conf': conf })
    app.program.closeErrors()
    app.write('app.conf', `Stranger = 1\n${conf}`)
    await app.reload(2)
    app.write('app.conf', `Stranger = 2\n${conf}`)
    await app.reload(3)
    expect(await text(`${app.origin('web')}/`)).toBe('one')
    app.program.signal('SIGTERM')
    expect(await app.program.exit()).toBe(0)
    expect(app.program.stdout).toMatch(/done\n$/)
  })

  it('ends at once at a second signal', async () => {
    const app = await Application.start(backend, {
      'handlers.mjs': HANDLERS,
      'app.conf': `Drain_Timeout = 10min\n${listener('never')}`,
    })
    const socket = connect(app.port('web'), '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await app.program.complaint(/never/)
    app.program.signal('SIGINT')
    await app.program.output(/SIGINT: draining/)
    app.program.signal('SIGINT')
    expect(await app.program.exit()).toBe('SIGINT')
    socket.destroy()
  })

  it('sets what -D says over the file, at each reload too (CX-20)', async () => {
    const app = await Application.start(
      backend,
      {
        'handlers.mjs': HANDLERS,
        'app.conf': 'HTTP_Listener "web" { Port = 1 Handler = "./handlers.mjs#one" }',
      },
      ['-D', 'HTTP_Listener:web.Port=0', '-D', 'HTTP_Listener "web".Handler=./handlers.mjs#two'],
    )
    expect(await text(`${app.origin('web')}/`)).toBe('two')
    await app.reload(2)
    expect(await text(`${app.origin('web')}/`)).toBe('two')
  })

  it('takes its console at its word: reload, set, show (CN-02, CF-03, A-CF-2)', async () => {
    const conf = (route: string): string => `Control { Path = "run/control" }\n${listener(route)}`
    const app = await Application.start(backend, { 'handlers.mjs': HANDLERS, 'app.conf': conf('one') })
    const url = `${app.origin('web')}/`
    app.write('app.conf', conf('two'))
    expect(await app.ask('config', 'reload')).toMatchObject({ code: 0, stdout: expect.stringContaining('2') })
    expect(await text(url)).toBe('two')
    const handler = 'HTTP_Listener "web" Route "GET /".Handler'
    expect(await app.ask('config', 'set', handler, '=', '"./handlers.mjs#one"')).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(await text(url)).toBe('one')
    expect(await app.ask('config', 'set', handler, '=', '"./handlers.mjs#none"')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/none of/),
    })
    expect(await text(url)).toBe('one')
    app.write('app.conf', conf('two'))
    expect(await app.ask('config', 'reload')).toMatchObject({ code: 0 })
    expect(await text(url)).toBe('two')
  })

  it('writes what was set on the console, with --local-only to that file alone, and has it after a restart (A-CF-2, CF-31)', async () => {
    const conf = `Control { }\nDrain_Timeout = 3s\n${listener('one')}`
    const folder = folderWith({ ...MODULE_FILES, 'app.conf': conf })
    const local = join(folder, 'local.conf')
    const more = [
      '--modules',
      join(folder, 'modules'),
      '--local',
      local,
      '--local-only',
      '--drain-timeout',
      '9s',
    ]
    const files = { 'app.conf': `${conf}life { }\n` }
    const first = await Application.in(folder, backend, files, more.slice(0, -2))
    expect(first.program.stdout).toMatch(/^life: confSetup$/m)
    expect(await first.ask('config', 'set', 'Drain_Timeout', '4s')).toMatchObject({ code: 0 })
    expect(await first.ask('config', 'write')).toMatchObject({ code: 0, stdout: 'written\n' })
    expect(readFileSync(local, 'utf8')).toMatch(/Drain_Timeout = 4s/)
    expect(readFileSync(first.file, 'utf8')).toBe(files['app.conf'])
    first.program.signal('SIGTERM')
    expect(await first.program.exit()).toBe(0)
    for (const [args, expected] of [
      [more.slice(0, -2), '4s\n'],
      [more, '9s\n'],
    ] as const) {
      const again = await Application.in(folder, backend, files, args)
      expect((await again.ask('config', 'eval', 'Drain_Timeout')).stdout).toBe(expected)
      again.program.signal('SIGTERM')
      expect(await again.program.exit()).toBe(0)
    }
  })

  it('forgets what its console set when it is started again, unless that was written (A-CF-2, CF-03, CF-31)', async () => {
    const app = await Application.start(backend, {
      'handlers.mjs': HANDLERS,
      'app.conf': `Control { Path = "run/control" }\n${listener('two')}`,
    })
    const set = async (): Promise<void> => {
      const handler = 'HTTP_Listener "web" Route "GET /".Handler'
      expect(await app.ask('config', 'set', handler, '=', '"./handlers.mjs#one"')).toMatchObject({ code: 0 })
      expect(await text(`${app.origin('web')}/`)).toBe('one')
    }
    await set()
    await app.restart()
    expect(await text(`${app.origin('web')}/`)).toBe('two')
    await set()
    expect(await app.ask('config', 'write')).toMatchObject({ code: 0, stderr: '' })
    await app.restart()
    expect(await text(`${app.origin('web')}/`)).toBe('one')
  })

  it('lets the workers of a pool read the active configuration (CF-34)', async () => {
    const conf = (timeout: string): string => `
      Control { Path = "run/control" }
      Drain_Timeout = ${timeout}
      Pool "crew" { Kind = worker Concurrency = 1 }
      HTTP_Listener "web" { Port = 0 Pool = crew Route "GET /timeout" { Handler = "./reads.mjs#timeout" } }`
    const reads = `
      import { isMainThread } from 'node:worker_threads'
      import { ConfigReader } from 'heddle'
      const reader = ConfigReader.attach()
      const slot = reader.slot('Drain_Timeout')
      export const timeout = (req, res) => res.end(isMainThread + ' ' + reader.value(slot))`
    const app = await Application.start(backend, { 'reads.mjs': reads, 'app.conf': conf('3s') })
    const url = `${app.origin('web')}/timeout`
    expect(await text(url)).toBe('false 3s')
    expect(await app.ask('config', 'set', 'Drain_Timeout', '4s')).toMatchObject({ code: 0, stderr: '' })
    expect(await text(url)).toBe('false 4s')
    app.write('app.conf', conf('5s').replace('#timeout', '#other'))
    await app.reload(3)
    expect(await text(url)).toBe('false 5s')
    await app.program.complaint(/handlers in a pool of workers stay as they are/)
    app.program.signal('SIGTERM')
    expect(await app.program.exit()).toBe(0)
  })

  it.runIf(canBecome(65534))('becomes another user when its listeners are open', async () => {
    const app = await Application.start(backend, {
      'handlers.mjs': HANDLERS,
      'app.conf': `User = 65534\nGroup = 65534\n${listener('whoami')}`,
    })
    expect(await text(`${app.origin('web')}/`)).toBe('65534 65534')
    app.program.signal('SIGTERM')
    expect(await app.program.exit()).toBe(0)
    expect(app.program.stderr).toBe('')
  })

  it.runIf(canBecome(65534))(
    'leaves its sockets to that user, who can use and remove them, again and again',
    async () => {
      const files = {
        'handlers.mjs': HANDLERS,
        'app.conf': `User = 65534\nGroup = 65534\nControl { Path = "run/control" }
        HTTP_Listener "local" { Path = "open/local.sock" Handler = "./handlers.mjs#whoami" }`,
        'open/.keep': '',
      }
      const app = await Application.in(folderWith(files, sharedFolder()), backend, {})
      const paths = ['run', 'run/control', 'open/local.sock'].map((name) => join(app.folder, name))
      expect(paths.map((path) => lstatSync(path).uid)).toEqual([65534, 65534, 65534])
      expect(await app.ask('shutdown')).toMatchObject({ code: 0 })
      expect(await app.program.exit()).toBe(0)
      expect(existsSync(join(app.folder, 'run/control'))).toBe(false)
      // A folder that was there before is its owner's: what the process cannot remove, it tells.
      expect(app.program.stderr).toMatch(/^heddle: [^\n]*local\.sock[^\n]*\n$/)
      const again = heddle(['run', app.file], { HEDDLE_BACKEND: backend })
      await again.output(/^Ctrl-C/m)
      chownSync(join(app.folder, 'open'), 65534, 65534)
      again.signal('SIGTERM')
      expect(await again.exit()).toBe(0)
      expect(again.stderr).toBe('')
      expect(existsSync(join(app.folder, 'open/local.sock'))).toBe(false)
    },
  )

  it('answers its console, and ends when that says so (CN-01, A-CN-1)', async () => {
    const app = await Application.start(backend, {
      'handlers.mjs': HANDLERS,
      'app.conf': `Control { Path = "run/control" }\n${listener('one')}`,
    })
    expect(await app.ask('memory')).toMatchObject({ code: 0, stderr: '' })
    expect(await app.ask('threads')).toMatchObject({ code: 0, stdout: expect.stringContaining('embedded') })
    expect(await app.ask('shutdown')).toMatchObject({ code: 0 })
    expect(await app.program.exit()).toBe(0)
    expect(existsSync(join(app.folder, 'run/control'))).toBe(false)
    expect(await app.ask('memory')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ENOENT|ECONNREFUSED/),
    })
  })
})

describe('a process whose file is broken', () => {
  it.each([
    [
      'the stanza itself',
      'run/control',
      'Control { Path = "run/control"\n',
      /app\.conf:1:1: this block has no end/,
    ],
    ['what stands behind it', 'run/control', 'Control { Path = "run/control" }\n}\n', /app\.conf:2:1: /],
    ['all of it, with the usual socket', 'run/heddle.sock', 'Drain_Timeout = "\n', /app\.conf:1:\d+: /],
  ])('can be talked to while its file is broken: %s (A-CF-3, CN-02)', async (_, path, broken, message) => {
    const conf = `Control { Path = "${path}" }\n${listener('one')}`
    const app = await Application.start('js', { 'handlers.mjs': HANDLERS, 'app.conf': conf })
    app.write('app.conf', broken)
    const { code, stdout, stderr } = await app.ask('config', 'reload')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    // First what the command met on its way, then what the process answers, with the line itself.
    const [mine, ...process] = stderr.split('\n')
    expect(mine).toMatch(message)
    expect(mine).toMatch(new RegExp(`asking \\S*${path} all the same$`))
    expect(process.join('\n')).toMatch(message)
    expect(process.join('\n')).toMatch(/\n +\^/)
    expect(await text(`${app.origin('web')}/`)).toBe('one')
    expect((await app.ask('config', 'generations')).stdout).toMatch(/^generation: 1\n/)
    const set = await app.ask(
      'config',
      'set',
      'HTTP_Listener:web Route "GET /".Handler',
      '=',
      '"./handlers.mjs#two"',
    )
    expect(set).toMatchObject({ code: 0, stdout: 'generation: 2\n' })
    expect(await text(`${app.origin('web')}/`)).toBe('two')
    expect(await app.ask('shutdown')).toMatchObject({ code: 0 })
    expect(await app.program.exit()).toBe(0)
  })
})

describe('modules of an application', () => {
  it('are set up before there are loops and told when all of it serves; their hooks come before routes (MO-10, HK-10, CF-33)', async () => {
    const app = await Application.start('js', {
      ...MODULE_FILES,
      'app.conf': withModule('life { greeting = hi }'),
    })
    const life = (): string[] =>
      [...app.program.stdout.matchAll(/^life: (.*)$/gm)].map(([, text]) => text as string)
    expect(life()).toEqual(['confSetup', 'init privileged none', 'postinit plain loops', 'post_conf 1'])
    const origin = app.origin('web')
    expect(await text(`${origin}/module`)).toBe('hi')
    expect(await text(`${origin}/`)).toBe('one')
    app.write('app.conf', withModule('life { greeting = salve }', 'two'))
    await app.reload(2)
    expect([await text(`${origin}/module`), await text(`${origin}/`)]).toEqual(['salve', 'two'])
    app.write('app.conf', withModule('life { fails = init }'))
    app.program.signal('SIGHUP')
    await app.program.complaint(/SIGHUP: .*life.*as it was told/)
    expect([await text(`${origin}/module`), await text(`${origin}/`)]).toEqual(['salve', 'two'])
    app.write('app.conf', withModule(''))
    await app.reload(3)
    expect(await text(`${origin}/module`)).toBe('Not Found\n')
    app.program.signal('SIGTERM')
    expect(await app.program.exit()).toBe(0)
    expect(life().filter((line) => line.startsWith('destroy'))).toHaveLength(3)
  })

  it.each(['privileged', 'postinit'])(
    'that fail at the start end it with 1 and one line: %s (A-MO-9)',
    async (phase) => {
      const folder = folderWith({ ...MODULE_FILES, 'app.conf': withModule(`life { fails = ${phase} }`) })
      const { code, stderr } = await heddleResult(['run', join(folder, 'app.conf')], { HEDDLE_BACKEND: 'js' })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^heddle: [^\n]*\blife\b[^\n]*as it was told\n$/)
    },
  )

  it('get their capabilities written into manifests by heddle ecm-gen (MO-07)', async () => {
    const folder = folderWith({
      'x.mjs': `import { defineModule, defineOption } from 'heddle'
        export default defineModule({ name: 'x', confSetup() {}, extInit() {},
          options: { limit: defineOption({ type: 'int', fallback: 'Domain>Global', default: '1' }) } })`,
      'x.ecm': '# by hand\n[x]\n',
    })
    const file = join(folder, 'x.ecm')
    expect(await heddleResult(['ecm-gen', file])).toMatchObject({ code: 0, stdout: `${file}: written\n` })
    expect(await heddleResult(['ecm-gen', file])).toMatchObject({ code: 0, stdout: `${file}: up to date\n` })
    expect(readFileSync(file, 'utf8')).toMatch(/^# by hand\n\[x\]\n(msys\.provides:auto = .*\n){2}$/)
  })
})

describe('signals while it starts', () => {
  const files = (load: string) => ({
    'app.conf': 'HTTP_Listener "web" { Port = 0 Handler = "./slow.mjs" }',
    'slow.mjs': `import { existsSync } from 'node:fs'
      process.stdout.write('loading\\n')
      ${load}
      export default (req, res) => res.end('served')`,
  })

  it('a reload waits until it serves', async () => {
    const go =
      "while (!existsSync(new URL('./go', import.meta.url))) await new Promise((next) => setTimeout(next, 5))"
    const folder = folderWith(files(go))
    const program = heddle(['run', join(folder, 'app.conf')], { HEDDLE_BACKEND: 'js' })
    await program.output(/^loading$/m)
    program.signal('SIGHUP')
    program.signal('SIGHUP')
    writeFileSync(join(folder, 'go'), '')
    await program.output(/SIGHUP: generation 2$/m)
    program.signal('SIGTERM')
    expect(await program.exit()).toBe(0)
    expect(program.stdout).not.toMatch(/generation 3/)
    expect(program.stderr).toBe('')
  })

  it('the end comes at once', async () => {
    const folder = folderWith(files('setInterval(() => {}, 1000)\nawait new Promise(() => {})'))
    const program = heddle(['run', join(folder, 'app.conf')], { HEDDLE_BACKEND: 'js' })
    await program.output(/^loading$/m)
    program.signal('SIGTERM')
    expect(await program.exit()).toBe(0)
    expect(program.stdout).toMatch(/^SIGTERM: ending\ndone$/m)
    expect(program.stderr).toBe('')
  })
})

describe('a configuration that cannot be served', () => {
  it.each([
    ['no file', undefined, /ENOENT/],
    ['syntax', 'HTTP_Listener "web" {\n Port = = 8080\n}', /app\.conf:2:9: /],
    ['a value', 'Drain_Timeout = soon', /app\.conf:1.*Drain_Timeout/],
    [
      'no port',
      'HTTP_Listener "web" { Handler = "./handlers.mjs#one" }',
      /app\.conf:1: HTTP_Listener "web": .*port/,
    ],
    ['no name', 'HTTP_Listener { Port = 0 }', /app\.conf:1: HTTP_Listener has a name/],
    [
      'no pool',
      listener('one', 'Pool = nowhere'),
      /app\.conf:1: HTTP_Listener "web": there is no Pool "nowhere"/,
    ],
    ['no handler', listener('none'), /app\.conf:3: Route "GET \/": none of/],
    ['no function', listener('text'), /app\.conf:3: Route "GET \/": .*no function/],
    [
      'no route',
      'HTTP_Listener "web" { Port = 0 Route "/x" { Handler = "./handlers.mjs#one" } }',
      /Route "\/x": a route is named/,
    ],
    [
      'queue limits',
      'Jobq "q" { Concurrency = 1 Min = 4 Max = 2 }',
      /app\.conf:1: Jobq "q": min 4 is above max 2/,
    ],
    ['a user alone', 'User = nobody', /app\.conf:1: User "nobody" needs a Group/],
    ['an open port', 'Control { Port = 0 }', /app\.conf:1: Control: a console with a port needs a Token/],
  ])('ends with 1 and one line: %s', async (_, conf, message) => {
    const folder = folderWith({ 'handlers.mjs': HANDLERS, ...(conf !== undefined && { 'app.conf': conf }) })
    const { code, stdout, stderr } = await heddleResult(['run', join(folder, 'app.conf')], {
      HEDDLE_BACKEND: 'js',
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^heddle: [^\n]+\n$/)
  })

  it('ends with 1, and so does its check, where a module takes the name of a command of the core (CN-05)', async () => {
    const folder = folderWith({
      'handlers.mjs': HANDLERS,
      'modules/taker.ecm': '[taker]\n',
      'modules/taker.mjs': `
        import { defineModule } from 'heddle'
        export default defineModule({
          name: 'taker',
          confSetup(self, context) { context.registerCommand('version', () => 'mine') },
          extInit() {},
        })`,
      'app.conf': withModule('taker { }'),
    })
    for (const command of ['run', 'check']) {
      const { code, stdout, stderr } = await heddleResult([command, join(folder, 'app.conf')], {
        HEDDLE_BACKEND: 'js',
      })
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/taker: .*a command is called version already/)
    }
  })

  it('is not served where another process has its console', async () => {
    const files = {
      'handlers.mjs': HANDLERS,
      'app.conf': `Control { Path = "run/control" }\n${listener('one')}`,
    }
    const app = await Application.start('js', files)
    const { code, stdout, stderr } = await heddleResult(['run', app.file], { HEDDLE_BACKEND: 'js' })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^heddle: \S*app\.conf:1: Control: [^\n]*EADDRINUSE[^\n]*\n$/)
    expect(await app.ask('uptime')).toMatchObject({ code: 0 })
  })

  it('is told in all its faults by heddle check', async () => {
    const folder = folderWith({
      'handlers.mjs': HANDLERS,
      'app.conf': `HTTP_Listener "a" { Handler = "./handlers.mjs#one" }\nListener "b" { Port = 0 }\nJobq "q" { Min = 4 Max = 2 }\n`,
      'values.conf': 'Drain_Timeout = soon\nEventer { Loops = 0\n Strict = maybe }\n',
      'handlers.conf': `${listener('none')}Listener "x" { Port = 0 Handler = "./none.mjs" }\n`,
      'good.conf': listener('one'),
    })
    const check = (name: string) => heddleResult(['check', join(folder, name)], { HEDDLE_BACKEND: 'js' })
    const errors = async (name: string): Promise<string> => {
      const { code, stdout, stderr } = await check(name)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      return stderr
    }
    expect(await errors('app.conf')).toMatch(
      /app\.conf:1: HTTP_Listener[\s\S]*app\.conf:2: Listener[\s\S]*app\.conf:3: Jobq/,
    )
    expect(await errors('values.conf')).toMatch(/values\.conf:1[\s\S]*values\.conf:2[\s\S]*values\.conf:3/)
    expect(await errors('handlers.conf')).toMatch(/handlers\.conf:3[\s\S]*handlers\.conf:4/)
    expect(await check('good.conf')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/ok\n$/),
    })
  })

  it('is told with the lines themselves, whatever hides what', async () => {
    const route = (path: string, handler: string): string =>
      `Route "${path}" { Handler = "./handlers.mjs#${handler}" }`
    const lines = [
      'Drain_Timeout = soon',
      'User = nobody',
      'HTTP_Listner "typo" { }',
      'HTTP_Listener "none" { }',
      'HTTP_Listener "a" { Port = 0',
      route('GET /x', 'one'),
      `${route('GET,POST /x', 'one')} }`,
      'HTTP_Listener "b" { Port = 0 Handler = "./handlers.mjs#text" }',
      'Listener "c" { Port = 0 Handler = "./handlers.mjs#one" }',
      'Listener "d" { Port = 0 Handler = "./handlers.mjs#empty" }',
      'ThreadPool "t" { Stack_Size = 2000000000 }',
      'Pool "p" { Kind = worker Module = "./none.mjs" }',
      'Control { Port = 0 Token = "a b" }',
      'Route "GET /y" { }',
      'Jobq "q" { Rotue "x" { } }',
    ]
    const folder = folderWith({ 'handlers.mjs': HANDLERS, 'app.conf': lines.join('\n') })
    const { code, stdout, stderr } = await heddleResult(['check', join(folder, 'app.conf')], {
      HEDDLE_BACKEND: 'js',
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    const told = (line: number): string => {
      const at = new RegExp(`^\\S*app\\.conf:${line}(?::\\d+)?: .*\\n  (.*)$`, 'm').exec(stderr)
      return at?.[1] ?? `nothing of line ${line}`
    }
    const wrong = lines.map((_, at) => at + 1).filter((line) => ![5, 6].includes(line))
    expect(wrong.map(told)).toEqual(wrong.map((line) => lines[line - 1]))
    expect(stderr.match(/app\.conf:\d+/g)).toHaveLength(wrong.length)
  })

  it.each([
    [
      'a misspelt stanza',
      'HTTP_Listner "typo" { }',
      /app\.conf:1: HTTP_Listner "typo": there is no such stanza, and no module/,
    ],
    [
      'a module without a manifest',
      'tickr { }',
      /app\.conf:1: tickr: there is no such stanza, and no module/,
    ],
    [
      'a stanza elsewhere',
      'Route "GET /y" { }',
      /app\.conf:1: Route "GET \/y": stands in http_listener, not at the top/,
    ],
    [
      'a stanza of none',
      'Jobq "q" { Rotue "x" { } }',
      /app\.conf:1: Rotue "x": there is no such stanza in jobq/,
    ],
    [
      'a route twice',
      `${listener('one', 'Route "GET,POST /" { Handler = "./handlers.mjs#two" }')}`,
      /app\.conf:3: Route "GET \/"/,
    ],
  ])('%s is an error at the start and for heddle check', async (_, conf, message) => {
    const folder = folderWith({ 'handlers.mjs': HANDLERS, 'app.conf': conf })
    for (const command of ['run', 'check']) {
      const { code, stderr } = await heddleResult([command, join(folder, 'app.conf')], {
        HEDDLE_BACKEND: 'js',
      })
      expect(code).toBe(1)
      expect(stderr).toMatch(message)
    }
  })
})

describe('the command line of heddle (CN-04)', () => {
  it.each([
    [[]],
    [['nothing']],
    [['run']],
    [['run', 'a.conf', 'b.conf']],
    [['run', 'a.conf', '-D', 'x']],
    [['run', 'a.conf', '--port', '1']],
    [['check']],
    [['version', '--xml']],
    [['version', 'a', 'b']],
    [['help', 'nothing']],
    [['help', 'run', 'x']],
    [['run', 'a.conf', '--local-only']],
    [['memory', '--control']],
  ])('is refused in one line with exit code 2: %j', async (args) => {
    const { code, stdout, stderr } = await heddleResult(args, { HEDDLE_CONTROL: '' })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^heddle: [^\n]+\n$/)
  })

  it('explains itself', async () => {
    const all = await heddleResult(['help'])
    expect(all).toMatchObject({ code: 0, stderr: '' })
    for (const name of [
      'run',
      'check',
      'console',
      'config',
      'memory',
      'module',
      'hooks',
      'threads',
      'version',
      'shutdown',
    ])
      expect(all.stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    const { stdout: onRun } = await heddleResult(['help', 'run'])
    expect(onRun).toMatch(/usage: heddle run FILE[\s\S]*-D PATH=VALUE/)
    // CX-20: what has a name of its own is listed, with what holds without it.
    expect(onRun).toMatch(/^ +--drain-timeout VALUE +.*Drain_Timeout \(.*10s\)$/m)
    expect(onRun).toMatch(/^ +--module-path VALUE /m)
    expect((await heddleResult(['run', '--help'])).stdout).toMatch(/usage: heddle run FILE/)
    expect((await heddleResult(['version'])).stdout).toMatch(/^heddle \d+\.\d+\.\d+ \(.*\), Node \d+/)
  })
})
