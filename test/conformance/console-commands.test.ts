import { writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Config, type Transaction } from '../../lib/config'
import {
  ControlClient,
  ControlServer,
  type CoreCommandOptions,
  registerCoreCommands,
} from '../../lib/console'
import { Control } from '../../lib/control'
import { Eventer } from '../../lib/eventer'
import { Hooks } from '../../lib/hooks'
import { memtypes } from '../../lib/memory'
import { eventually, gate, socketPath } from './console-harness'
import { makeLoop } from './net-harness'

const open: (ControlServer | ControlClient)[] = []
// Before the loops of the harness go.
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** An XML document, as far as its tags go: throws where it is not well-formed. */
function elementsOf(text: string): string[] {
  const open: string[] = []
  const seen: string[] = []
  const body = text.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  expect(body).not.toBe(text)
  // An ampersand begins a reference, or the text is none.
  const token =
    /<(\/?)([A-Za-z_][\w.-]*)((?: [A-Za-z_][\w.-]*="(?:[^"<&]|&(?:#\d+|\w+);)*")*)(\/?)>|((?:[^<>&]|&(?:#\d+|\w+);)+)/gy
  let end = 0
  for (let found = token.exec(body); found !== null; found = token.exec(body)) {
    end = token.lastIndex
    const [, closes, name, , single, inner] = found
    if (inner !== undefined) continue
    if (closes === '/') expect(open.pop()).toBe(name)
    else {
      seen.push(name as string)
      if (single !== '/') open.push(name as string)
    }
  }
  expect([end, open]).toEqual([body.length, []])
  return seen
}

const modules = {
  loaded: () => [
    {
      id: 'greet:a',
      singleton: true,
      generation: 3,
      startedWithSystem: true,
      isKept: false,
      file: '/m/greet.mjs',
      description: 'says "hello" & goes',
    },
  ],
  manifests: () => [
    {
      file: '/m/greet.ecm',
      sections: [{ name: 'greet', line: 2 }],
      errors: [new Error('/m/greet.ecm:9: <bad>')],
    },
  ],
}

async function start(options: CoreCommandOptions = {}) {
  const control = new Control()
  registerCoreCommands(control, options)
  const server = await ControlServer.listen(control, { path: socketPath(), loop: makeLoop() })
  open.push(server)
  const client = await ControlClient.connect(server.path as string)
  open.push(client)
  const say = async (line: string): Promise<string> => {
    const { ok, text } = await client.command(line)
    expect(ok, text).toBe(true)
    return text
  }
  const refused = async (line: string): Promise<string> => {
    const { ok, text } = await client.command(line)
    expect(ok, text).toBe(false)
    return text
  }
  return { control, client, say, refused, server }
}

/** A configuration of a file, with an option or two. */
async function configured(text: string) {
  const file = `${socketPath()}.conf`
  writeFileSync(file, text)
  const config = new Config({ file })
  const number = config.registerOption({
    name: 'Number',
    type: 'int',
    fallback: 'Binding:Domain>Domain>Global',
    default: '7',
  })
  const words = config.registerOption({
    name: 'Words',
    type: 'string',
    flags: { isArray: true },
    fallback: 'Global',
    default: '( none )',
  })
  await config.reload()
  return { config, number, words, file }
}

describe('commands of the core', () => {
  test('CN-04 A-CN-1 help, version, pid, uptime, sysinfo, threads, memory, module, hooks: in text and in XML', async () => {
    await using eventer = Eventer.initSync()
    const hooks = new Hooks()
    hooks.declareVoid('greet', 'said').registerLast(function log() {}, undefined)
    const { config } = await configured('Number = 1\n')
    const { client, say } = await start({ hooks, modules, config, onShutdown: () => {} })
    expect(await say('pid')).toBe(`pid: ${process.pid}\n`)
    expect(await say('version')).toMatch(/^heddle: \d+\.\d+\.\d+\nbackend: (native|js)\nnode: v\d+/)
    expect(await say('uptime')).toMatch(
      /^started: \d{4}-.*Z\nseconds: \d+\nuptime: (\d+ (d|h|min) )*\d+ s\n$/,
    )
    expect(await say('sysinfo')).toMatch(/^host: .+\nsystem: .+\nprocessors: \d+\n/)
    const loop = eventer.loops[0].name
    expect(await say('threads')).toMatch(
      new RegExp(`^name +kind +thread +running\\n${loop} +embedded +0 +false\\n`),
    )
    expect(await say('threads')).toMatch(/\nname +kind +concurrency +threads +active +queued +total\nCPU +/)
    expect(await say('memory')).toBe(memtypes.formatReport())
    expect(await say('module list')).toMatch(
      /\ngreet:a +singleton +3 +true +false +\/m\/greet\.mjs +says "hello" & goes\n$/,
    )
    expect(await say('module')).toBe(await say('module list'))
    expect(await say('module manifests')).toMatch(
      /\ngreet +\/m\/greet\.ecm:2\n(.*\n)?\/m\/greet\.ecm:9: <bad>\n$/,
    )
    expect(await say('hooks')).toMatch(/\ngreet\.said +void +log\n/)
    expect(await say('hooks greet')).toMatch(/^hook +kind/)
    // There is no queue.
    expect(await say('jobq')).toBe('\n')
    const help = await say('help')
    for (const name of 'config reload,help,hooks,jobq,memory <type>,module list,pid,shutdown'.split(','))
      expect(help).toContain(`\n${name} `.slice(name.startsWith('config') ? 1 : 0))
    expect(await say('help memory')).toBe(
      'memory         lists memtypes\nmemory <type>  shows one, or those of a module\n',
    )
    const lines = [
      'help',
      'version',
      'pid',
      'uptime',
      'sysinfo',
      'threads',
      'memory',
      'memory core',
      'hooks',
      'jobq',
    ]
    for (const line of [
      ...lines,
      'module list',
      'module manifests',
      'config show',
      'config options',
      'shutdown',
    ]) {
      const { ok, text } = await client.command(line, { xml: true })
      expect(ok, line).toBe(true)
      expect(elementsOf(text).slice(0, 3), line).toEqual(['response', 'command', 'result'])
    }
  })

  test('CN-03 A-CN-1 MT-10 memory shows one memtype, those of a module, and what it does not know', async () => {
    const type = memtypes.register({ description: 'console-test:thing', kind: 'fixed', size: 64 })
    const blocks = [1, 2, 3].map(() => memtypes.malloc(type))
    const { client, say, refused } = await start()
    expect(await say('memory console-test:thing')).toBe(memtypes.formatReport('console-test:thing'))
    expect(await say('memory console-test')).toMatch(/\nconsole-test:thing +3 +3 +3 /)
    expect(await refused('memory nope')).toMatch(/no memtype or module is called 'nope'/)
    expect(await refused('memory a b')).toMatch(/^memory takes one/)
    const { text } = await client.command('memory console-test', { xml: true })
    expect(text).toMatch(
      /<allocator>\w+<\/allocator><memtype type="console-test:thing" kind="fixed" size="64" live="3" /,
    )
    for (const block of blocks) memtypes.free(type, block)
  })

  test('CN-04 A-CN-1 shutdown answers, and then ends', async () => {
    const ended = gate()
    const { say } = await start({ onShutdown: ended.open })
    expect(await say('shutdown')).toBe('shutting down\n')
    await ended.opened
  })

  test('CN-04 A-CN-1 shutdown that closes the socket: its own answer still arrives', async () => {
    let closed: Promise<void> | undefined
    const { say, server } = await start({
      onShutdown: () => {
        closed = server.close()
      },
    })
    expect(await say('shutdown')).toBe('shutting down\n')
    await closed
  })

  test('CN-04 what is not there is unknown; what a command does not understand it says', async () => {
    const { refused, say } = await start()
    for (const line of ['shutdown', 'config show', 'module list', 'hooks', 'unheard of'])
      expect(await refused(line)).toMatch(/^unknown command '/)
    for (const name of ['version', 'pid', 'uptime', 'sysinfo', 'threads'])
      expect(await refused(`${name} now`)).toBe(`${name} takes no words\n`)
    expect(await refused('help nope')).toBe("no command begins with 'nope'\n")
    expect(await say('threads')).toBe('no eventer\n')
    expect(await say('jobq')).toBe('no eventer\n')
    const other = await start({ hooks: new Hooks(), modules })
    expect(await other.refused('module nope')).toMatch(/^module takes/)
    expect(await other.refused('hooks nope')).toBe("no hook is of a scope 'nope'\n")
  })

  test('JQ-16 CN-04 jobq shows and changes queues', async () => {
    await using eventer = Eventer.initSync()
    eventer.jobqs.create('console-q', { min: 1, max: 4 })
    const { say, refused } = await start()
    expect(await say('jobq console-q')).toMatch(/^console-q: concurrency /)
    expect(await say('jobq console-q max 3')).toContain('[1, 3]')
    expect(await refused('jobq nope')).toBe('there is no queue nope\n')
    expect(await refused('jobq console-q max x')).toMatch(/^a number of threads is wanted/)
  })
})

describe('config on the console', () => {
  test('CN-02 A-CN-1 A-CF-3 reload says which generation, or where the file is wrong', async () => {
    const { config, number, file } = await configured('Number = 1\n')
    const { client, say, refused } = await start({ config })
    const before = config.generation
    writeFileSync(file, 'Number = 2\n')
    expect(await say('config reload')).toBe(`generation: ${before + 1}\n`)
    expect(config.value(number)).toBe(2)
    writeFileSync(file, 'Number = 3\nNumber = = 4\n')
    expect(await refused('config reload')).toContain(`${file}:2:`)
    const { ok, text } = await client.command('config reload', { xml: true })
    expect([ok, elementsOf(text)]).toEqual([false, ['response', 'command', 'result', 'error']])
    expect(text).toMatch(/<error file="[^"]+" line="2" column="\d+" code="ERR_CONFIG_SYNTAX" reason="/)
    writeFileSync(file, 'Number = many\n')
    expect(await refused('config reload')).toContain(`${file}:1`)
    expect([config.generation, config.value(number)]).toEqual([before + 1, 2])
    writeFileSync(file, 'Number = 5\nStranger = 1\n')
    expect(await say('config reload')).toMatch(/^generation: \d+\nwarning: .*:2: .*Stranger: no option/)
    // What another file says is not this configuration, and its name would be one in the folder of the process.
    expect(await refused(`config reload ${file}.other`)).toMatch(/takes no words.*EINVAL/)
  })

  test('A-CF-2 CN-04 what is set here is visible, and gone with a reload', async () => {
    const { config, number, words } = await configured('Number = 1\n')
    const { say, refused } = await start({ config })
    expect(await say('config set Number = 2')).toMatch(/^generation: \d+\n$/)
    await say('config set Binding "b 1" Domain "foo.com".Number = 3')
    await say('config set Domain:foo.com.Number 4')
    await say('config set Words ( a "b c" "d = e" )')
    expect([config.value(number), config.value(words)]).toEqual([2, ['a', 'b c', 'd = e']])
    expect(config.value(number, { binding: 'b 1', domain: 'foo.com' })).toBe(3)
    expect(await say('config show Number')).toBe('2\n')
    expect(await say('config show Domain "foo.com".Number')).toBe('4\n')
    expect(await say('config get Domain "foo.com".Number')).toBe('4\n')
    expect(await refused('config get Domain "bar.com".Number')).toMatch(/^nothing is set at Domain "bar.com"/)
    expect(await refused('config get Domain "foo.com"')).toMatch(/ERR_CONFIG_PATH/)
    const top = ['Number = 2', 'Words = (a "b c" "d = e")']
    expect(await say('config show')).toBe(
      [...top, 'Binding "b 1" { … }', 'Domain "foo.com" { … }', ''].join('\n'),
    )
    expect(await say('config showrecurse Binding "b 1"')).toBe(
      'Binding "b 1" {\n  Domain "foo.com" {\n    Number = 3\n  }\n}\n',
    )
    expect(await say('config showrecurse')).toBe(
      [
        ...top,
        'Binding "b 1" {',
        '  Domain "foo.com" {',
        '    Number = 3',
        '  }',
        '}',
        'Domain "foo.com" {',
        '  Number = 4',
        '}',
        '',
      ].join('\n'),
    )
    expect(await say('config show Domain "foo.com"')).toBe('Domain "foo.com" {\n  Number = 4\n}\n')
    expect(await say('config eval Number')).toBe('2\n')
    expect(await say('config eval number binding "b 1" domain foo.com')).toBe('3\n')
    expect(await say('config eval Words')).toBe('["a","b c","d = e"]\n')
    expect(await say('config locate /num/')).toMatch(/<console>/)
    expect(await say('config options')).toMatch(/Number +int +Binding:Domain>Domain>Global +7 +<console>\n/)
    expect(await say('config generations')).toMatch(/^generation: \d+\nlive: \d+\nholds: 0\ndirty: true\n$/)
    await say('config unset Number')
    expect(await say('config eval Number')).toBe('7\n')
    await say('config remove Domain "foo.com"')
    await say('config reload')
    expect([config.value(number), config.value(words), config.dirty]).toEqual([1, ['none'], false])
    await say('config set Number = 6')
    expect(await say('config write')).toBe('written\n')
    await say('config reload')
    expect(config.value(number)).toBe(6)
    await say('config set Number = 1')
    expect(await refused('config show Nothing')).toMatch(/^nothing is set at Nothing/)
    expect(await refused('config unset Nothing')).toMatch(/^nothing is set at Nothing/)
    expect(await refused('config remove Nothing')).toMatch(/^there is no stanza Nothing/)
    expect(await refused('config eval Nothing')).toMatch(/^no option/)
    expect(await refused('config eval Number binding')).toMatch(/EINVAL/)
    expect(await refused('config set')).toMatch(/^config set takes a path and a value/)
    expect(await refused('config set Number')).toMatch(/^config set takes a path and a value/)
    expect(await refused('config set Number = "open')).toMatch(/<console>:1:/)
    expect(await refused('config set Number = many')).toMatch(/ERR_CONFIG_VALUE|many/)
    expect(await refused('config locate /(/')).toMatch(/EINVAL/)
    expect(await refused('config options nope')).toMatch(/no option is of a module nope/)
    expect(await refused('config')).toMatch(/^config : say config reload\|/)
    expect(await refused('config toString')).toMatch(/^config toString: say/)
    expect(config.value(number)).toBe(1)
  })

  test('CF-28 CN-04 changes are collected between begin and commit, and count together or not at all', async () => {
    const { config, number } = await configured('Number = 1\n')
    const { say, refused } = await start({ config })
    const before = config.generation
    expect(await refused('config commit')).toMatch(/^no transaction is under way/)
    expect(await say('config begin')).toBe(`begun from generation ${before}\n`)
    expect(await refused('config begin')).toMatch(/^a transaction is under way/)
    expect(await say('config set Number = 2')).toBe('noted\n')
    await say('config set Words = ( x )')
    expect(await say('config show Number')).toBe('2\n')
    expect([config.value(number), config.generation]).toEqual([1, before])
    expect(await say('config commit')).toBe(`generation: ${before + 1}\n`)
    expect(config.value(number)).toBe(2)
    await say('config begin scratch')
    expect(await say('config show')).toBe('')
    expect(await say('config rollback')).toBe('forgotten\n')
    expect(await refused('config rollback')).toMatch(/^no transaction/)
    expect(await refused('config begin nonsense')).toMatch(/EINVAL/)
  })

  test('CF-28 A-CF-19 a commit that fails keeps what was collected; replay makes it again where another came before', async () => {
    const { config, number, words } = await configured('Number = 1\n')
    const { say, refused } = await start({ config })
    await say('config begin')
    await say('config set Words = ( x )')
    await say('config set Number = many')
    expect(await refused('config commit')).toMatch(/many/)
    expect(await say('config show')).toBe('Number = many\nWords = (x)\n')
    expect([config.value(number), config.value(words)]).toEqual([1, ['none']])
    await say('config set Number = 3')
    const before = config.generation
    expect(await say('config commit')).toBe(`generation: ${before + 1}\n`)
    expect([config.value(number), config.value(words)]).toEqual([3, ['x']])

    await say('config begin')
    await say('config set Words = ( y )')
    const { generation } = await config.transaction((txn) => txn.set('Number', 9))
    for (const line of ['config commit', 'config commit', 'config show', 'config set Number = 1'])
      expect(await refused(line)).toMatch(/config replay.*ERR_CONFIG_CONFLICT/)
    expect(config.value(words)).toEqual(['x'])
    expect(await say('config replay')).toBe(`begun from generation ${generation}\n`)
    expect(await say('config eval Number')).toBe('9\n')
    expect(await say('config commit')).toBe(`generation: ${generation + 1}\n`)
    expect([config.value(number), config.value(words)]).toEqual([9, ['y']])
    expect(await refused('config replay')).toMatch(/^no transaction/)
    expect(config.stats().liveGenerations).toBe(1)
  })

  test('CF-28 A-CF-19 a reload inside of a transaction is an error, and nothing of it is lost', async () => {
    const { config, number, file } = await configured('Number = 1\n')
    const { say, refused } = await start({ config })
    await say('config begin')
    await say('config set Words = ( x )')
    writeFileSync(file, 'Number = 2\n')
    expect(await refused('config reload')).toMatch(
      /config commit, or config rollback.*ERR_CONFIG_TRANSACTION/,
    )
    expect(config.value(number)).toBe(1)
    await say('config commit')
    await say('config reload')
    expect(config.value(number)).toBe(2)
  })

  test('CF-28 what is begun is of one client: others go on, and it goes when that leaves', async () => {
    const { config, number, words } = await configured('Number = 1\n')
    const { say, refused, server, client, control } = await start({ config })
    using other = await ControlClient.connect(server.path as string)
    await say('config begin')
    await say('config set Words = ( x )')
    expect((await other.command('config set Number = 5')).text).toMatch(/^generation: /)
    expect((await other.command('config show')).text).toBe('Number = 5\n')
    expect((await control.run('config rollback')).text).toMatch(/^no transaction/)
    expect((await control.run('config begin')).ok).toBe(true)
    expect((await control.run('config rollback')).ok).toBe(true)
    expect(config.value(number)).toBe(5)
    expect(await refused('config commit')).toMatch(/ERR_CONFIG_CONFLICT/)
    const begun = vi.spyOn(config, 'begin')
    await say('config replay')
    const txn = begun.mock.results[0]?.value as Transaction
    expect([txn.state, txn.isChanged]).toEqual(['open', true])
    client.close()
    await eventually(() => txn.state === 'ended')
    expect([config.value(number), config.value(words)]).toEqual([5, ['none']])
  })

  test('CF-28 what is evaluated is what was begun', async () => {
    const { config } = await configured('Number = 1\n')
    const { say } = await start({ config })
    await say('config begin')
    await say('config set Domain "d".Number = 4')
    expect(await say('config eval Number domain d')).toBe('4\n')
    await say('config rollback')
    expect(await say('config eval Number domain d')).toBe('1\n')
  })

  test('CF-17 a warning of what was taken away has no place, and says none', async () => {
    const { config } = await configured('Fixed = 1\n')
    config.registerOption({
      name: 'Fixed',
      type: 'int',
      fallback: 'Global',
      flags: { notTunableOnline: true },
      default: '0',
    })
    await config.reload()
    config.markStarted()
    const { say } = await start({ config })
    expect(await say('config unset Fixed')).toMatch(
      /^generation: \d+\nwarning: (?!undefined).*Fixed: takes effect/i,
    )
  })

  test('CN-05 A-CN-5 commands of a generation go with a reload, those of the process stay', async () => {
    const { config } = await configured('Number = 1\n')
    const { control, say, refused } = await start({ config })
    config.participant(control.generations)
    let offers = true
    config.participant({
      load: () => {
        if (offers) control.register('offered', () => 'here\n', { scope: 'generation' })
      },
    })
    control.register('stays', () => 'stays\n')
    await say('config reload')
    expect(await say('offered')).toBe('here\n')
    await say('config reload')
    expect(await say('offered')).toBe('here\n')
    offers = false
    expect(await refused('config set Number = many')).toMatch(/many/)
    expect(await say('offered')).toBe('here\n')
    await say('config reload')
    expect(await refused('offered')).toMatch(/^unknown command/)
    expect(await say('stays')).toBe('stays\n')
  })
})
