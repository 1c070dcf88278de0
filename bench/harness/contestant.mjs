import { fileURLToPath } from 'node:url'
import { LineProcess } from './lines.mjs'
import { SERVER_CORE, pinned } from './pin.mjs'
import { referenceProgram } from './reference.mjs'

const SERVERS = fileURLToPath(new URL('../servers/', import.meta.url))

/** Command line of a contestant: a file of bench/servers run by this Node, or a program of bench/reference. */
function commandOf(name, protocol, variant, nodeOptions) {
  if (name !== 'c-epoll')
    return [process.execPath, [...nodeOptions, `${SERVERS}${name}.mjs`, protocol, variant]]
  return [referenceProgram(protocol === 'tcp' ? 'tcp_echo' : 'http_server'), [variant]]
}

/**
 * How much of its core a server had between two readings of its counters. A server that is the bottleneck and has
 * much less than 100 shared the core with somebody else: its rate says little then.
 */
export function corePercent(before, after, seconds) {
  const busyUs = after.userUs - before.userUs + after.systemUs - before.systemUs
  return busyUs / (seconds * 1e4)
}

/** A server in a process of its own, on the contestants' core. */
export class Contestant {
  #process

  constructor(name, lines, port) {
    this.name = name
    this.port = port
    this.#process = lines
  }

  static async start(name, protocol, variant = 'hello', nodeOptions = []) {
    const [command, args] = pinned(SERVER_CORE, ...commandOf(name, protocol, variant, nodeOptions))
    const lines = new LineProcess(name, command, args)
    try {
      const { port } = await lines.ask()
      return new Contestant(name, lines, port)
    } catch (error) {
      await lines.stop()
      throw error
    }
  }

  get pid() {
    return this.#process.pid
  }

  /** `{ userUs, systemUs, rssBytes, units }` of the server process since its start. */
  counters() {
    return this.#process.ask('counters')
  }

  /** Ends the server. A server that ends badly spoils what it measured, so that is an error. */
  async stop() {
    const status = await this.#process.stop()
    if (status !== 0) throw new Error(`${this.name} ended with ${status}`)
  }
}

/** Starts the named contestants one after another, runs `body` with them, and ends them however that goes. */
export async function withContestants(names, protocol, variant, body) {
  const started = []
  const stopAll = () => Promise.allSettled(started.map((contestant) => contestant.stop()))
  let result
  try {
    for (const name of names) started.push(await Contestant.start(name, protocol, variant))
    result = await body(started)
  } catch (error) {
    await stopAll() // what went wrong first is what the user must hear of
    throw error
  }
  const failed = (await stopAll()).find(({ status }) => status === 'rejected')
  if (failed) throw failed.reason
  return result
}
