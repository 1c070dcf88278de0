import { existsSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { App } from '../../lib/app'
import { HeddleError } from '../../lib/errors'
import { Eventer } from '../../lib/eventer'
import type { JobQueue } from '../../lib/jobq'
import { ThreadPools } from '../../lib/threadpool'
import { temporaryFolder } from '../temporary-folder'

const HANDLERS = `
  export const one = (req, res) => res.end('one')
  export const two = (req, res) => res.end('two')
`
const WEB = 'HTTP_Listener "web" { Port = 0 Handler = "./handlers.mjs#one" }\n'

function write(text: string, folder = temporaryFolder()): string {
  writeFileSync(join(folder, 'handlers.mjs'), HANDLERS)
  const file = join(folder, 'app.conf')
  writeFileSync(file, text)
  return file
}

let app: App | undefined

async function start(text: string, more: object = {}): Promise<App> {
  app = await App.start({ file: write(text), log: () => {}, ...more })
  return app
}

afterEach(async () => {
  await app?.stop()
  app = undefined
})

/** A module that says when it is being loaded, and waits then. */
function gated(folder: string) {
  const gate = globalThis as { heddleGate?: () => Promise<void> }
  writeFileSync(join(folder, 'gated.mjs'), 'await globalThis.heddleGate()\nexport default () => {}\n')
  let reach: () => void = () => {}
  let open: () => void = () => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  gate.heddleGate = () => {
    reach()
    return opened
  }
  return { reached, open }
}

const unix = (name: string, handler: string): string =>
  `HTTP_Listener "${name}" { Path = "${name}.sock" Handler = "${handler}" }\n`

const answer = async (running: App): Promise<string> => {
  const port = running.service('web')?.address.port
  return (await fetch(`http://127.0.0.1:${port}/`)).text()
}

describe('an application (CF-02)', () => {
  it('is that of its isolate while it runs, and leaves nothing', async () => {
    expect(() => App.current()).toThrow(expect.objectContaining({ code: 'ERR_NOT_INIT' }))
    const running = await start(WEB)
    expect(App.current()).toBe(running)
    expect(running.services.map(({ settings }) => [settings.kind, settings.name])).toEqual([['http', 'web']])
    expect(await answer(running)).toBe('one')
    await Promise.all([running.stop(), running.stop(), running.stopped])
    expect(() => App.current()).toThrow(expect.objectContaining({ code: 'ERR_NOT_INIT' }))
    expect(() => running.eventer).toThrow(expect.objectContaining({ code: 'ERR_NOT_INIT' }))
    expect(Eventer.find()).toBeUndefined()
    expect(running.services).toEqual([])
    expect(await answer(await start(WEB.replace('#one', '#two')))).toBe('two')
  })

  it('tells of providers that fail, and goes on (HK-20)', async () => {
    const lines: string[] = []
    const { hooks } = await start(WEB, { log: (line: string) => lines.push(line) })
    const said = hooks.declareVoid('test', 'said')
    const unlucky = (): never => {
      throw new Error('no luck')
    }
    const window = { module: 'm', phase: 'confSetup', singleton: true, privileged: false } as const
    hooks.during({ ...window, registry: hooks.current, infrastructure: {} }, () =>
      said.registerLast(unlucky, {}),
    )
    said.call()
    expect(lines).toEqual(['hook test.said: provider unlucky of module m: no luck'])
  })

  it('is one an isolate, also while one starts', async () => {
    const file = write(WEB)
    const starts = await Promise.allSettled([App.start({ file }), App.start({ file })])
    const [first, second] = starts
    if (first.status === 'fulfilled') app = first.value
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_ALREADY_INIT' } })
    await app?.stop()
    const eventer = await Eventer.init()
    await expect(App.start({ file })).rejects.toMatchObject({ code: 'ERR_ALREADY_INIT' })
    await eventer[Symbol.asyncDispose]()
  })

  it.each([
    ['what it reads', 'Nonsense {', 'ERR_CONFIG_SYNTAX'],
    ['a value', 'Drain_Timeout = soon', 'ERR_CONFIG_VALUE'],
    ['a pool', 'Pool "x" { Kind = worker Module = "./none.mjs" }', 'ENOENT'],
  ])('that cannot start because of %s leaves nothing', async (_, text, code) => {
    await expect(App.start({ file: write(text), log: () => {} })).rejects.toMatchObject({ code })
    expect(Eventer.find()).toBeUndefined()
    expect(await answer(await start(WEB))).toBe('one')
  })

  it('closes what listens already when a later listener cannot', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const file = write(`${WEB}HTTP_Listener "x" { Port = ${port} Handler = "./handlers.mjs#one" }`)
    await expect(App.start({ file, log: () => {} })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringMatching(/app\.conf:2: HTTP_Listener "x": /),
    })
    expect(Eventer.find()).toBeUndefined()
    taken.close()
    await once(taken, 'close')
  })

  it('leaves no listener when it ends in the middle of a reload, with one open and one on its way', async () => {
    const running = await start(unix('old', './handlers.mjs#one'))
    const folder = dirname(running.file)
    const exists = (name: string): boolean => existsSync(join(folder, `${name}.sock`))
    const { reached, open } = gated(folder)
    const names = unix('first', './handlers.mjs#one') + unix('late', './gated.mjs')
    writeFileSync(running.file, unix('old', './handlers.mjs#two') + names)
    const reloading = running.reload()
    await reached
    expect(['old', 'first', 'late'].map(exists)).toEqual([true, true, false])
    const stopping = running.stop()
    await expect(reloading).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    open()
    await stopping
    expect(['old', 'first', 'late'].map(exists)).toEqual([false, false, false])
    await expect(running.reload()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('leaves none either when all of them listen and the generation is not there yet', async () => {
    const running = await start(unix('old', './handlers.mjs#one'))
    let stopping: Promise<void> | undefined
    running.config.participant({
      prepare: async () => {
        stopping = running.stop()
        await new Promise(setImmediate)
      },
    })
    writeFileSync(running.file, unix('new', './handlers.mjs#one'))
    await running.reload().catch(() => undefined)
    await stopping
    for (const name of ['old', 'new'])
      expect(existsSync(join(dirname(running.file), `${name}.sock`))).toBe(false)
  })

  it.each(['by what it loads', 'by its signal'])(
    'does not start when it is told to stop while it does: %s',
    async (who) => {
      const file = write(unix('first', './handlers.mjs#one') + unix('late', './gated.mjs'))
      const { reached, open } = gated(dirname(file))
      const ending = new AbortController()
      const starting = App.start({ file, log: () => {}, signal: ending.signal })
      await reached
      const current = App.current()
      if (who === 'by its signal') ending.abort()
      else void current.stop()
      await expect(starting).rejects.toMatchObject({ code: 'ERR_CLOSED' })
      await current.stopped
      open()
      expect(Eventer.find()).toBeUndefined()
      expect(existsSync(join(dirname(file), 'first.sock'))).toBe(false)
      expect(await answer(await start(WEB))).toBe('one')
    },
  )

  it('does not start for who has given up before, and stops when its signal says so later', async () => {
    await expect(start(WEB, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(Eventer.find()).toBeUndefined()
    const ending = new AbortController()
    const running = await start(WEB, { signal: ending.signal })
    ending.abort()
    await running.stopped
    expect(Eventer.find()).toBeUndefined()
  })

  it('tells what it has found at the start, and goes on where the log fails', async () => {
    const lines: string[] = []
    const running = await start(`Drain_Timout = 1s\n${WEB}`, { log: (line: string) => void lines.push(line) })
    expect(lines).toEqual([expect.stringMatching(/app\.conf:1: .*drain_timout/i)])
    expect(running.warnings).toEqual(lines)
    await running.stop()
    const log = (): never => {
      throw new Error('full')
    }
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    await (await start(`Drain_Timout = 1s\n${WEB}`, { log })).stop()
    expect(write.mock.calls.join()).toMatch(/drain_timout.*the log failed: full/i)
    write.mockRestore()
    expect(() => App.current()).toThrow(expect.objectContaining({ code: 'ERR_NOT_INIT' }))
  })

  it.each([[undefined], [{}], [{ file: '' }], [{ file: 7 }]])('refuses %j', async (options) => {
    await expect(App.start(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(App.check(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('makes and changes job queues and thread pools at a reload (TP-17, JQ-03)', async () => {
    const queues = (concurrency: number, lifo: boolean): string => `
      Jobq "thumbs" { Concurrency = ${concurrency} Max = 8 Lifo = ${lifo} Kind = native }
      ThreadPool "Scans" { Concurrency = ${concurrency} Kind = native }`
    const running = await start(queues(2, false))
    const seen = () => {
      const queue = running.eventer.jobqs.get('thumbs')
      return [
        queue?.stats().desired,
        queue?.lifo,
        ThreadPools.of(running.eventer).byName('scans').concurrency,
      ]
    }
    expect(seen()).toEqual([2, false, 2])
    writeFileSync(running.file, queues(5, true))
    expect(await running.reload()).toEqual({ generation: 2, warnings: [] })
    expect(seen()).toEqual([5, true, 5])
  })

  it('changes of queues and pools what a stanza says otherwise, and nothing else (JQ-02 to JQ-07, TP-17)', async () => {
    const stanzas = (queue: string, pool: string): string => `Jobq "q" { Kind = native ${queue} }
      Jobq "least" { Kind = native Min = 2 }
      ThreadPool "Scans" { Kind = native ${pool} }\n`
    const running = await start(stanzas('Floor = 4', 'Concurrency = 6'))
    const { jobqs } = running.eventer
    const queue = jobqs.get('q') as JobQueue
    const pool = ThreadPools.of(running.eventer).byName('scans')
    const seen = () => [queue.stats().desired, queue.floor, queue.lifo, queue.maxBacklog, pool.concurrency]
    expect(seen()).toEqual([4, 4, false, 0, 6])
    expect(jobqs.get('least')?.stats().desired).toBe(2)
    queue.setConcurrency(8)
    queue.setMaxBacklog(9)
    queue.lifo = true
    pool.concurrency = 7
    const reload = (text: string) => {
      writeFileSync(running.file, text)
      return running.reload()
    }
    await reload(`${stanzas('Floor = 4', 'Concurrency = 6')}Drain_Timeout = 3s`)
    expect(seen()).toEqual([8, 4, true, 9, 7])
    await reload(stanzas('Max = 2 Floor = 4', ''))
    expect(seen()).toEqual([4, 4, true, 9, 4])
    expect(queue.minMax).toEqual([4, 4])
    await reload(stanzas('Concurrency = 3 Backlog = 5', 'Concurrency = 2'))
    expect(seen()).toEqual([3, 0, true, 5, 2])
  })

  it.each([
    ['a stack', 'ThreadPool "t" { Stack_Size = 2000000000 }', /app\.conf:1: ThreadPool "t": stackSize/],
    ['a name', `Jobq "${'n'.repeat(300)}" { }`, /app\.conf:1: Jobq "n+": a queue has a name/],
    ['a kind', 'ThreadPool "io" { Kind = native }', /app\.conf:1: ThreadPool "io": .*Kind is worker/],
  ])('refuses what no pool or queue can have before anything is done: %s', async (_, text, message) => {
    const running = await start('')
    writeFileSync(running.file, text)
    await expect(running.reload()).rejects.toThrow(message)
    expect(running.config.generation).toBe(1)
    const { problems } = await App.check({ file: running.file })
    expect(problems).toEqual([expect.stringMatching(message)])
  })

  it('says which stanza could not be followed, and follows the others', async () => {
    const running = await start('Jobq "b" { Concurrency = 1 }')
    const { jobqs } = running.eventer
    const held = jobqs.create('c')
    const wanted = (more: string): string =>
      `Jobq "c" { Concurrency = 2 } Jobq "b" { Concurrency = 5 } ${more}`
    writeFileSync(running.file, wanted(''))
    vi.spyOn(held, 'setLimits').mockImplementation(() => {
      throw new HeddleError('ERR_JOBQ_BUSY', 'it is being drained')
    })
    expect(await running.reload()).toEqual({
      generation: 2,
      warnings: [expect.stringMatching(/app\.conf:1: Jobq "c": it is being drained/)],
    })
    expect(jobqs.get('b')?.stats().desired).toBe(5)
    vi.restoreAllMocks()
    writeFileSync(running.file, wanted('Drain_Timeout = 1s'))
    expect(await running.reload()).toMatchObject({ warnings: [] })
    expect(held.stats().desired).toBe(2)
  })

  it('warns of what cannot be changed, and keeps it (CF-17)', async () => {
    const running = await start('Eventer { Loops = 2 }')
    writeFileSync(running.file, 'Eventer { Loops = 3 }')
    const { generation, warnings } = await running.reload()
    expect(generation).toBe(2)
    expect(warnings).toEqual([expect.stringMatching(/app\.conf:1: Eventer\.loops: .*next start/)])
    expect(running.eventer.loops).toHaveLength(2)
  })

  it('warns of whole stanzas that wait for the next start, and of nothing else (CF-17, A-CF-14)', async () => {
    const running = await start('Pool "old" { }')
    const reload = async (text: string) => {
      writeFileSync(running.file, text)
      return (await running.reload()).warnings
    }
    expect(await reload('Pool "new" { }\nControl { }')).toEqual([
      expect.stringMatching(/app\.conf:1: Pool "new": takes effect at the next start/),
      'Pool "old": takes effect at the next start',
      expect.stringMatching(/app\.conf:2: Control: takes effect at the next start/),
    ])
    writeFileSync(running.file, `Pool "new" { } ${WEB.replace('{', '{ Pool = new')}`)
    await expect(running.reload()).rejects.toThrow(/app\.conf:1: .*Pool "new" is made at the next start/)
    const limited = (bytes: number, name = 'b'): string =>
      `Pool "old" { } HTTP_Listener "${name}" { Port = 0 Max_Body = ${bytes} Handler = "./handlers.mjs#one" }`
    const limitOf = (name: string) => {
      const service = running.service(name)
      return service?.settings.kind === 'http' ? service.settings.limits.maxBodyBytes : undefined
    }
    expect(await reload(limited(5))).toEqual([])
    expect(limitOf('b')).toBe(5)
    expect(await reload(limited(6))).toEqual([expect.stringMatching(/"b"\.max_body: takes effect/i)])
    expect(limitOf('b')).toBe(5)
    expect(await reload('Pool "old" { }')).toEqual([])
    expect(await reload('Pool "old" { } Drain_Timeout = 1s')).toEqual([])
    expect(running.config.locate('Max_Body')).toEqual([])
  })

  it('says that a listener stays as it is where it goes on under another name', async () => {
    const listener = (name: string, more: string): string =>
      `HTTP_Listener "${name}" { Path = "a.sock" ${more} Handler = "./handlers.mjs#one" }`
    const running = await start(listener('a', 'Max_Body = 5'))
    writeFileSync(running.file, listener('b', 'Max_Body = 6'))
    expect((await running.reload()).warnings).toEqual([
      expect.stringMatching(/app\.conf:1: HTTP_Listener "b": it is open already/),
    ])
    expect(running.service('b')?.settings).toMatchObject({ limits: { maxBodyBytes: 5 } })
  })

  it('refuses stanzas that nobody reads, and takes patterns as values of others (CF-32)', async () => {
    const running = await start(`HTTP_Listener "/.*/" { Handler = "./handlers.mjs#two" }
      HTTP_Listener "web" { Port = 0 }`)
    expect(running.services).toHaveLength(1)
    expect(await answer(running)).toBe('two')
    writeFileSync(running.file, `${WEB}Nonsense { }\nMore "x" { }`)
    await expect(running.reload()).rejects.toMatchObject({
      code: 'ERR_CONFIG_VALUE',
      message: expect.stringMatching(/app\.conf:2: Nonsense: there is no such stanza/),
      all: [expect.anything(), expect.objectContaining({ message: expect.stringMatching(/:3: More "x":/) })],
    })
    await expect(running.config.transaction((txn) => void txn.set('Nonsense.a', '1'))).rejects.toThrow(
      /Nonsense: there is no such stanza/,
    )
    expect(running.config.generation).toBe(1)
    writeFileSync(
      running.file,
      `${WEB}Free_Stanzas = (nonsense MORE)\nNonsense { Other { a = 5 } }\nMore "x" { }`,
    )
    await running.reload()
    const { sections } = running.config
    await using section = await sections.readSection('/Nonsense/Other')
    expect(sections.getInt32(section, 'a')).toBe(5)
  })

  it.each([
    [{ defines: null }],
    [{ defines: [{}] }],
    [{ defines: [{ path: 'a', text: 5 }] }],
    [{ modules: 'x' }],
    [{ modules: [''] }],
    [{ localChangesFile: 5 }],
    [{ log: 'stderr' }],
    [{ control: 'no' }],
    [{ signal: {} }],
  ])('refuses %j before it reads anything', async (more) => {
    const options = { file: '/nowhere/app.conf', ...more } as never
    await expect(App.start(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(App.check(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it.each([
    ['Eventer { Kind = x }', /Kind .*it is embedded or native, not 'x'/i],
    ['Eventer { Loops = 0 }', /Loops .*it is a whole number from 1 to 64, not 0/i],
    ['Drain_Timeout = soon', /Drain_Timeout .*it is a duration such as 30s .*, not 'soon'/i],
  ])('says what would do instead: %s', async (text, message) => {
    await expect(start(text)).rejects.toThrow(message)
  })

  it('registers the options of the core as modules do theirs (A-CF-24, MX-08)', async () => {
    const running = await start(`Drain_Timeout = 3s\n${WEB}`)
    const options = running.config.options({ module: 'core' })
    expect(options.length).toBeGreaterThan(60)
    expect(options.find(({ name }) => name === 'Drain_Timeout')).toMatchObject({
      scope: 'Global',
      type: 'string',
      default: '10s',
      origin: expect.stringMatching(/app\.conf:1$/),
    })
    expect(options.find(({ name, scope }) => name === 'Port' && scope === 'HTTP_Listener')).toMatchObject({
      type: 'size',
      settings: [{ path: 'HTTP_Listener "web".Port', origin: expect.stringMatching(/app\.conf:2$/) }],
    })
    expect(options.find(({ name }) => name === 'Max_Body')).toMatchObject({
      default: '1048576',
      origin: 'default',
      notTunableOnline: true,
    })
  })
})
