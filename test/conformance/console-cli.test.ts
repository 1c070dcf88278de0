import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { completionsOf, usagesOf } from '../../lib/cli/completion'
import { ConsoleHistory } from '../../lib/cli/console-history'
import { main } from '../../lib/cli/main'
import type { Terminal } from '../../lib/cli/terminal'
import { visible } from '../../lib/cli/visible'
import { ControlServer, registerCoreCommands } from '../../lib/console'
import { eventually, socketPath, testControl } from './console-harness'
import { makeLoop } from './net-harness'

/** A terminal of a test: what is typed, and what is shown. */
function terminal(isTTY: boolean, env: Record<string, string> = {}, errorsAre = { isTTY }) {
  const input = Object.assign(new PassThrough(), { isTTY })
  const output = Object.assign(new PassThrough(), { isTTY, columns: 80 })
  const errors = Object.assign(new PassThrough(), errorsAre)
  const shown = { output: '', errors: '' }
  output.on('data', (chunk: Buffer) => {
    shown.output += chunk.toString()
  })
  errors.on('data', (chunk: Buffer) => {
    shown.errors += chunk.toString()
  })
  const given: Terminal = { input, output, errors, env, folder: '/' }
  return { given, input, shown }
}

async function serve(where: { port: number; token: string } | { path: string } = { path: socketPath() }) {
  const commands = testControl()
  registerCoreCommands(commands.control)
  const server = await ControlServer.listen(commands.control, { ...where, loop: makeLoop() })
  return { ...commands, server, path: server.path as string }
}

describe('heddle console', () => {
  test('CN-01 CN-04 words are one command, in text and XML; the exit code says how it went', async () => {
    const { server, path } = await serve()
    await using _ = server
    const { given, shown } = terminal(false)
    expect(await main(['console', '--control', path, 'say', 'hello', '-x'], given)).toBe(0)
    expect(await main(['console', '--xml', '--control', path, 'say', 'a'], given)).toBe(0)
    expect(await main(['console', '--control', path, 'fail'], given)).toBe(1)
    await eventually(() => shown.errors !== '')
    expect(shown.output).toMatch(/^hello -x\n<\?xml .*\n<response>[\s\S]*<\/response>\n$/)
    expect(shown.errors).toBe('heddle: as told\n')
    expect(await main(['console', '--control', `${path}.nope`, 'say'], given)).toBe(1)
    expect(await main(['console', '--nope'], given)).toBe(2)
  })

  test('CN-01 a console on TCP is reached by its port or its file, with the token of the file or of HEDDLE_TOKEN', async () => {
    const { server } = await serve({ port: 0, token: 's3cret' })
    await using _ = server
    const file = `${socketPath()}.conf`
    writeFileSync(file, `Control { Port = ${server.port} Token = s3cret }\n`)
    const unsaid = `${socketPath()}.conf`
    writeFileSync(unsaid, 'Control { Port = 0 Token = s3cret }\n')
    const none = `${socketPath()}.conf`
    writeFileSync(none, 'Listener "x" { Port = 1 }\n')
    const port = `:${server.port}`
    const said = async (env: Record<string, string>, ...options: string[]) => {
      const { given, shown } = terminal(false, env)
      const code = await main(['console', ...options, 'say', 'hello'], given)
      await eventually(() => shown.output !== '' || shown.errors !== '')
      return [code, shown.output || shown.errors]
    }
    const HEDDLE_TOKEN = 's3cret'
    const good = [0, 'hello\n']
    expect(await said({}, '--file', file)).toEqual(good)
    expect(await said({ HEDDLE_TOKEN }, '--control', port)).toEqual(good)
    expect(await said({ HEDDLE_TOKEN }, '-c', `127.0.0.1${port}`)).toEqual(good)
    expect(await said({ HEDDLE_TOKEN, HEDDLE_CONTROL: `localhost${port}` })).toEqual(good)
    expect(await said({ HEDDLE_TOKEN: 'wrong' }, '-f', file)).toEqual([
      1,
      expect.stringMatching(/auth and the token/),
    ])
    expect(await said({ HEDDLE_TOKEN: 'a\nsay x' }, '-f', file)).toEqual([
      1,
      expect.stringMatching(/one word/),
    ])
    expect(await said({}, '--control', ':65536')).toEqual([2, expect.stringMatching(/no port 65536/)])
    expect(await said({}, '-f', unsaid)).toEqual([2, expect.stringMatching(/say --control :PORT/)])
    expect(await said({}, '-f', none)).toEqual([2, expect.stringMatching(/no stanza Control/)])
    expect(await said({}, '-f', `${none}.nope`)).toEqual([1, expect.stringMatching(/ENOENT|no such file/)])
  })

  test('text of others is written out for the stream that is a terminal, whatever the other one is', async () => {
    const { server, path } = await serve()
    await using _ = server
    const hostile = 'a\x9b2J'
    for (const [isTTY, errorsAre, output, errors] of [
      [false, { isTTY: true }, hostile, 'a\\x9b2J'],
      [true, { isTTY: false }, 'a\\x9b2J', hostile],
    ] as const) {
      const { given, shown } = terminal(isTTY, {}, errorsAre)
      expect(await main(['console', '--control', path, 'say', hostile], given)).toBe(0)
      expect(await main(['memory', '--control', path, hostile], given)).toBe(1)
      expect(await main([`${hostile}!`], given)).toBe(2)
      await eventually(() => shown.errors.includes('!'))
      expect(shown.output).toBe(`${output}\n`)
      expect(shown.errors.split(errors)).toHaveLength(3)
    }
  })

  test('CN-04 a pipe is one command a line; one that fails is told, and the rest is run', async () => {
    const { server, path, ran } = await serve()
    await using _ = server
    const { given, input, shown } = terminal(false)
    input.end(`say one\n\n# a remark\nfail\nsay ${'x'.repeat(70_000)}\nsay last`)
    expect(await main(['console', '--control', path], given)).toBe(1)
    expect(ran).toEqual(['one', 'last'])
    await eventually(() => shown.output.endsWith('last\n'))
    expect(shown.output).toBe('one\nlast\n')
    expect(shown.errors).toMatch(/^heddle: as told\nheddle: .*65536 bytes/)
    const again = terminal(false)
    again.input.end('say two\nexit\nsay never\n')
    expect(await main(['console', '--control', path], again.given)).toBe(0)
    expect(ran.slice(2)).toEqual(['two'])
  })

  test('a process that ends meanwhile is a failure', async () => {
    const { server, path, held, begun } = await serve()
    const { given, input, shown } = terminal(false)
    input.write('wait\nsay never\n')
    const code = main(['console', '--control', path], given)
    await begun.opened
    await server.close({ timeout: 1 })
    expect(await code).toBe(1)
    await eventually(() => shown.errors !== '')
    held.open()
  })

  test('a process that goes while nothing is typed ends the console, of a pipe and of a terminal', async () => {
    for (const isTTY of [false, true]) {
      const { server, path } = await serve()
      const { given, shown } = terminal(isTTY)
      const code = main(['console', '--control', path], given)
      await eventually(() => server.clients === 1 && (!isTTY || shown.output.includes('heddle> ')))
      await server.close()
      expect(await code).toBe(1)
      await eventually(() => shown.errors !== '')
      expect(shown.errors).toBe('heddle: the process has ended the connection\n')
    }
  })

  test('a process that goes because it was told to has not failed, while the input is still open', async () => {
    for (const isTTY of [false, true]) {
      const { server, path, control } = await serve()
      control.register('shutdown', () => void setImmediate(() => void server.close()))
      const { given, input, shown } = terminal(isTTY)
      input.write('shutdown\r\n')
      expect(await main(['console', '--control', path], given)).toBe(0)
      expect(shown.errors).toBe('')
    }
  })

  test('words of the shell stay words, paths and values of config are what they were', async () => {
    const { server, path, control } = await serve()
    await using _ = server
    const said: [string, readonly string[] | string][] = []
    for (const name of ['config', 'memory'])
      control.register(name, (_response, { rest, words }) => void said.push([rest, words]))
    const { given, shown } = terminal(false)
    for (const words of [
      ['memory', 'a b', '', '"', 'c\\d', "it's"],
      ['config', 'eval', 'Number', 'binding', 'b 1'],
      ['config', 'show', 'Domain "foo.com".Number'],
      ['config', 'set', 'Path', 'a b'],
      ['config', 'set', 'Path', '=', ''],
      ['config', 'set', 'Domain "d e".Path', 'a=b"\n'],
      ['config', 'set', 'Words', '( a "b c" )'],
      ['config', 'set', 'Words', '=', '(', 'a', ')'],
    ]) {
      const [name = '', ...rest] = words
      expect(await main([name, '--control', path, ...rest], given), words.join()).toBe(0)
    }
    expect(shown.errors).toBe('')
    expect(said[0]?.[1]).toEqual(['a b', '', '"', 'c\\d', "it's"])
    expect(said[1]?.[1]).toEqual(['eval', 'Number', 'binding', 'b 1'])
    expect(said.slice(2).map(([rest]) => rest)).toEqual([
      'show Domain "foo.com".Number',
      'set Path = "a b"',
      'set Path = ""',
      'set Domain "d e".Path = "a=b\\"\\n"',
      'set Words = ( a "b c" )',
      'set Words = ( a )',
    ])
    for (const words of [
      ['config', 'begin'],
      ['config', 'commit'],
      ['console', 'config rollback'],
      ['console', 'xml', 'config', 'replay'],
    ]) {
      const [name = '', ...rest] = words
      expect(await main([name, '--control', path, ...rest], given), words.join()).toBe(2)
    }
    await eventually(() => shown.errors.split('\n').length === 5)
    expect(shown.errors).toMatch(/^heddle: a transaction lasts as long as its connection/)
    expect(said.length).toBe(8)
  })

  test('CN-04 a terminal is asked, completes from the help, and keeps its history', async () => {
    const { server, path, ran } = await serve()
    await using _ = server
    const file = `${path}.history`
    writeFileSync(file, 'say from before\n')
    const { given, input, shown } = terminal(true, { HEDDLE_HISTORY: file })
    const code = main(['console', '--control', path], given)
    await eventually(() => shown.output.includes('heddle> '))
    input.write('\x1b[A\r')
    await eventually(() => ran.length === 1)
    input.write('mem\t')
    await eventually(() => shown.output.includes('memory '))
    input.write('nope\rsay \x1b')
    input.write('[D two\r')
    await eventually(() => ran.length === 2)
    input.write(' say hidden\rexit\r')
    expect(await code).toBe(0)
    expect(ran[0]).toBe('from before')
    expect(ran[1]).toBe('two')
    expect(ran[2]).toBe('hidden')
    expect(shown.errors).toContain("no memtype or module is called 'nope'")
    const kept = readFileSync(file, 'utf8')
    expect(kept).toMatch(/^say from before\nsay from before\nmemory nope\n/)
    expect(kept).not.toContain('hidden')
  })

  test('in a terminal the end of the input leaves, also while a command runs', async () => {
    const { server, path, held, begun } = await serve()
    await using _ = server
    const { given, input, shown } = terminal(true)
    const code = main(['console', '--control', path], given)
    await eventually(() => shown.output.includes('heddle> '))
    input.write('wait\r')
    await begun.opened
    input.write('\x03')
    expect(await code).toBe(0)
    held.open()
  })
})

describe('parts of the console', () => {
  test('CN-04 completion follows the fixed words of usages', () => {
    const usages = usagesOf(
      'config reload [file]  reads\nconfig set <path> = <value>  sets\ncommit\nhelp  lists\n',
    )
    expect(completionsOf(usages, 'co')).toEqual([['commit ', 'config '], 'co'])
    expect(completionsOf(usages, 'CONFIG re')).toEqual([['reload '], 're'])
    expect(completionsOf(usages, 'xml config ')).toEqual([['reload ', 'set '], ''])
    expect(completionsOf(usages, 'config set x')).toEqual([[], 'x'])
    expect(completionsOf(usages, 'nope')).toEqual([[], 'nope'])
    expect(completionsOf([], '')).toEqual([[], ''])
  })

  test('what would be a command to the terminal is written out', () => {
    const hostile = 'a\x1b]0;title\x07\x9b2J\x7f\r\n\tb'
    expect(visible(hostile, { isTTY: true })).toBe('a^[]0;title^G\\x9b2J^?^M\n\tb')
    expect(visible(hostile, {})).toBe(hostile)
  })

  test('the history is of its owner alone, of bounded length, and may be missing', () => {
    const file = socketPath()
    const history = new ConsoleHistory({ HEDDLE_HISTORY: file })
    expect(history.load()).toEqual([])
    history.add('first')
    history.add(' hidden')
    history.add('')
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
    expect(history.load()).toEqual(['first'])
    for (let n = 0; n < 1200; n++) history.add(`line ${n}`)
    const kept = history.load()
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([500, 'line 1199', 'line 700'])
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(501)
    chmodSync(file, 0o644)
    history.add('for me')
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
    for (const env of [{}, { HEDDLE_HISTORY: '' }, { HEDDLE_HISTORY: '/dev/null/nope' }]) {
      const none = new ConsoleHistory(env)
      none.add('lost')
      expect(none.load()).toEqual([])
    }
  })
})
