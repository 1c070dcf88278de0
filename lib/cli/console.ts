import { createInterface, type Interface } from 'node:readline'
import { described } from '../app/place'
import { ControlClient } from '../console'
import { HeddleError } from '../errors'
import { type Command, DONE, FAILED } from './command'
import type { CommandLine } from './command-line'
import { completionsOf, type Usage, usagesOf } from './completion'
import { ConsoleHistory } from './console-history'
import { findSocket } from './find-socket'
import { ask } from './remote'
import { complain, say, type Terminal } from './terminal'

/**
 * `heddle console`: commands to a running process. Words on the command line are one command; a pipe is one a line, and the exit
 * code says whether all of them were done; a terminal is asked for them, with a history and completion by the tabulator.
 * (CN-01, CN-04)
 */
export const consoleCommand: Command = {
  name: 'console',
  usage: '[COMMAND…]',
  summary: 'gives commands to a running process',
  details:
    'Without a command it reads lines. In a terminal the tabulator completes; exit, or the end of the input, leaves.',
  options: ['control', 'file', 'xml'],
  wordsEnd: true,
  async run(line: CommandLine, terminal: Terminal): Promise<number> {
    const socket = await findSocket(line, terminal)
    if (line.words.length > 0) return ask(socket, line.words.join(' '), line.xml, terminal)
    const client = await ControlClient.connect(socket)
    try {
      const isAsked = terminal.input.isTTY === true && terminal.output.isTTY === true
      return await (isAsked ? converse(client, line.xml, terminal) : readAll(client, line.xml, terminal))
    } finally {
      client.close()
    }
  },
}

/** Commands of a pipe, one after the other, also after one that failed. */
async function readAll(client: ControlClient, xml: boolean, terminal: Terminal): Promise<number> {
  let code = DONE
  for await (const text of createInterface({ input: terminal.input })) {
    const line = text.trim()
    if (line === '' || line.startsWith('#')) continue
    if (isExit(line)) break
    if (!(await give(client, line, { xml }, terminal))) code = FAILED
    if (!client.isOpen) return FAILED
  }
  return code
}

/** Asks in a terminal until whoever sits there leaves, or the process is gone. */
async function converse(client: ControlClient, xml: boolean, terminal: Terminal): Promise<number> {
  const history = new ConsoleHistory(terminal.env)
  const usages = usagesOf((await client.command('help')).text)
  const lines = openTerminal(terminal, history.load(), usages)
  // Ctrl-C leaves also while a command runs.
  const left = new AbortController()
  lines.once('close', () => left.abort(new HeddleError('ECANCELED', 'left before the answer came')))
  lines.prompt()
  for await (const text of lines) {
    const line = text.trim()
    if (isExit(line)) break
    history.add(text.trimEnd())
    if (line !== '') await give(client, line, { xml, signal: left.signal }, terminal)
    if (!client.isOpen) return FAILED
    lines.prompt()
  }
  return DONE
}

function openTerminal({ input, output }: Terminal, history: string[], usages: readonly Usage[]): Interface {
  return createInterface({
    input,
    output,
    terminal: true,
    prompt: 'heddle> ',
    history,
    historySize: 500,
    removeHistoryDuplicates: true,
    completer: (line: string) => completionsOf(usages, line),
  })
}

/** Whether it was done. What was wrong is told. */
async function give(
  client: ControlClient,
  line: string,
  options: { readonly xml: boolean; readonly signal?: AbortSignal },
  terminal: Terminal,
): Promise<boolean> {
  try {
    const { ok, text } = await client.command(line, options)
    if (ok || options.xml) {
      if (text !== '') say(terminal, text)
    } else complain(terminal, text)
    return ok
  } catch (error) {
    complain(terminal, described(error))
    return false
  }
}

function isExit(line: string): boolean {
  return line === 'exit' || line === 'quit'
}
