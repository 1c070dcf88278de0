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

/** Commands of a pipe, one after the other, also after one that failed; until the process is gone. */
async function readAll(client: ControlClient, xml: boolean, terminal: Terminal): Promise<number> {
  const lines = createInterface({ input: terminal.input })
  const end = new End(client, lines)
  let code = DONE
  for await (const text of lines) {
    const line = text.trim()
    if (line === '' || line.startsWith('#')) continue
    if (isExit(line)) break
    const isDone = await give(client, line, { xml }, terminal)
    if (!isDone) code = FAILED
    else if (isShutdown(line)) end.isWanted = true
    if (!client.isOpen && !isDone) return FAILED
  }
  return end.isCut ? end.tell(terminal) : code
}

/** What ends the lines: whoever says them, or the process. */
class End {
  /** The process was told to end. */
  isWanted = false
  #isCut = false

  constructor(client: ControlClient, lines: Interface) {
    let isOver = false
    lines.once('close', () => {
      isOver = true
    })
    void client.closed.then(() => {
      this.#isCut = !isOver
      lines.close()
    })
  }

  /** Lines were still awaited. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** The exit code. */
  tell(terminal: Terminal): number {
    if (this.isWanted) return DONE
    complain(terminal, 'the process has ended the connection')
    return FAILED
  }
}

/** Asks in a terminal until whoever sits there leaves, or the process is gone. */
async function converse(client: ControlClient, xml: boolean, terminal: Terminal): Promise<number> {
  const history = new ConsoleHistory(terminal.env)
  const usages = usagesOf((await client.command('help')).text)
  const lines = openTerminal(terminal, history.load(), usages)
  const end = new End(client, lines)
  // Ctrl-C leaves also while a command runs.
  const left = new AbortController()
  lines.once('close', () => left.abort(new HeddleError('ECANCELED', 'left before the answer came')))
  lines.prompt()
  for await (const text of lines) {
    const line = text.trim()
    if (isExit(line)) break
    history.add(text.trimEnd())
    if (line !== '') {
      const isDone = await give(client, line, { xml, signal: left.signal }, terminal)
      if (isDone && isShutdown(line)) end.isWanted = true
      if (!client.isOpen && !isDone) return FAILED
    }
    lines.prompt()
  }
  if (!end.isCut) return DONE
  // Behind the prompt.
  say(terminal, '')
  return end.tell(terminal)
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

function isShutdown(line: string): boolean {
  return /^(?:xml\s+)?shutdown$/i.test(line)
}

function isExit(line: string): boolean {
  return line === 'exit' || line === 'quit'
}
