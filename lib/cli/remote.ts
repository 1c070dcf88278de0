import { ControlClient, type ControlEndpoint } from '../console'
import { type Command, DONE, FAILED } from './command'
import type { CommandLine } from './command-line'
import { findSocket } from './find-socket'
import { remoteLine } from './remote-line'
import { complain, say, type Terminal } from './terminal'
import { UsageError } from './usage-error'

/** By itself it would be over at once, or find nothing begun. */
const OF_A_CONNECTION = /^\s*(?:xml\s+)?config\s+(?:begin|commit|rollback|replay)\b/i

/** Sends one line to the process behind a control socket and shows its answer. The exit code says whether it was done. */
export async function ask(
  socket: ControlEndpoint,
  text: string,
  xml: boolean,
  terminal: Terminal,
): Promise<number> {
  if (OF_A_CONNECTION.test(text))
    throw new UsageError(
      'a transaction lasts as long as its connection: give it to heddle console, one command a line',
    )
  const client = await ControlClient.connect(socket)
  try {
    const answer = await client.command(text, { xml })
    if (!answer.ok && !xml) complain(terminal, answer.text)
    else if (answer.text !== '') say(terminal, answer.text)
    return answer.ok ? DONE : FAILED
  } finally {
    client.close()
  }
}

/** A command that the running process carries out. */
function remote(name: string, usage: string, summary: string): Command {
  return {
    name,
    usage,
    summary,
    options: ['control', 'file', 'xml'],
    wordsEnd: true,
    async run(line: CommandLine, terminal: Terminal): Promise<number> {
      const text = remoteLine(name, line.words)
      return ask(await findSocket(line, terminal), text, line.xml, terminal)
    },
  }
}

/** What a running process is asked for. */
export const REMOTE: readonly Command[] = [
  remote('config', 'reload | get PATH | set PATH VALUE | …', 'the configuration of a running process'),
  remote('module', 'list | manifests', 'modules of a running process'),
  remote('hooks', '', 'hook points and their providers'),
  remote('memory', '[TYPE]', 'what a running process has allocated, by memtype'),
  remote('threads', '', 'loops and thread pools'),
  remote('jobq', '[QUEUE [WORD…]]', 'job queues'),
  remote('uptime', '', 'how long the process has been running'),
  remote('shutdown', '', 'drains a running process and ends it'),
]
