import { ControlClient, type ControlEndpoint } from '../console'
import { type Command, DONE, FAILED } from './command'
import type { CommandLine } from './command-line'
import { findSocket } from './find-socket'
import { complain, say, type Terminal } from './terminal'

/** Sends one line to the process behind a control socket and shows its answer. The exit code says whether it was done. */
export async function ask(
  socket: ControlEndpoint,
  text: string,
  xml: boolean,
  terminal: Terminal,
): Promise<number> {
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

/** A command that the running process carries out: name and words go there as they are. */
function remote(name: string, usage: string, summary: string): Command {
  return {
    name,
    usage,
    summary,
    options: ['control', 'file', 'xml'],
    wordsEnd: true,
    async run(line: CommandLine, terminal: Terminal): Promise<number> {
      const text = [name, ...line.words].join(' ')
      return ask(await findSocket(line, terminal), text, line.xml, terminal)
    },
  }
}

/** What a running process is asked for. */
export const REMOTE: readonly Command[] = [
  remote('config', 'reload | show PATH | set PATH VALUE | …', 'the configuration of a running process'),
  remote('module', 'list | NAME WORD…', 'modules of a running process'),
  remote('hooks', '', 'hook points and their providers'),
  remote('memory', '[TYPE]', 'what a running process has allocated, by memtype'),
  remote('threads', '', 'loops and thread pools'),
  remote('jobq', '[QUEUE [WORD…]]', 'job queues'),
  remote('uptime', '', 'how long the process has been running'),
  remote('shutdown', '', 'drains a running process and ends it'),
]
