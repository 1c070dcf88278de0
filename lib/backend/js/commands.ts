import type { PortMemory } from '../backend'
import { Out } from '../protocol'
import type { Connections } from './connections'
import type { Outbox } from './outbox'
import type { Timers } from './timers'
import type { Triggers } from './triggers'
import type { Watches } from './watches'

/** What the records of the outbox act upon. */
export interface CommandTargets {
  readonly timers: Timers
  readonly recurrents: Set<number>
  readonly triggers: Triggers
  readonly watches: Watches
  readonly connections: Connections
}

/** Puts two words together as the bits of a double. */
class DoubleReader {
  readonly #double = new Float64Array(1)
  readonly #words = new Int32Array(this.#double.buffer)

  read(words: Int32Array, at: number): number {
    this.#words[0] = words[at] as number
    this.#words[1] = words[at + 1] as number
    return this.#double[0] as number
  }
}

/** Tells the outbox what each kind of record does. A record about a handle that is gone does nothing. */
export function registerCommands(outbox: Outbox, memory: PortMemory, targets: CommandTargets): void {
  registerEvents(outbox, targets)
  registerConnections(outbox, memory, targets.connections)
  registerHttp(outbox, memory, targets.connections)
}

function registerEvents(outbox: Outbox, { timers, recurrents, triggers, watches }: CommandTargets): void {
  const doubles = new DoubleReader()
  outbox.on(Out.TIMER_ADD, (w, at) => timers.add(w[at + 1] as number, doubles.read(w, at + 2)))
  outbox.on(Out.TIMER_DELETE, (w, at) => timers.delete(w[at + 1] as number))
  outbox.on(Out.RECURRENT_ADD, (w, at) => void recurrents.add(w[at + 1] as number))
  outbox.on(Out.RECURRENT_DELETE, (w, at) => void recurrents.delete(w[at + 1] as number))
  outbox.on(Out.FD_MASK, (w, at) => watches.setMask(w[at + 1] as number, w[at + 2] as number))
  outbox.on(Out.FD_READ, (w, at) => watches.askRead(w[at + 1] as number, w[at + 2] as number))
  outbox.on(Out.FD_WAIT, (w, at) => watches.askReady(w[at + 1] as number, w[at + 2] as number))
  outbox.on(Out.TRIGGER, (w, at) => triggers.trigger(w[at + 1] as number, w[at + 2] as number))
}

function registerConnections(outbox: Outbox, { send, recv }: PortMemory, connections: Connections): void {
  const stream = (w: Int32Array, at: number) => connections.stream(w[at + 1] as number)
  outbox.on(Out.WRITE, (w, at) => stream(w, at)?.gather(view(send, w, at + 2)))
  outbox.on(Out.WRITE_RECEIVED, (w, at) => stream(w, at)?.gather(view(recv, w, at + 2)))
  outbox.on(Out.WANT_DRAIN, (w, at) => stream(w, at)?.wantDrain())
  outbox.on(Out.SHUTDOWN, (w, at) => stream(w, at)?.shutdown())
  outbox.on(Out.CLOSE, (w, at) => connections.find(w[at + 1] as number)?.close())
  outbox.on(Out.DESTROY, (w, at) => connections.find(w[at + 1] as number)?.destroy())
  outbox.on(Out.PAUSE, (w, at) => stream(w, at)?.pause())
  outbox.on(Out.RESUME, (w, at) => stream(w, at)?.resume())
  outbox.on(Out.IDLE_TIMEOUT, (w, at) =>
    connections.find(w[at + 1] as number)?.setIdleTimeout(w[at + 2] as number),
  )
}

function registerHttp(outbox: Outbox, { send }: PortMemory, connections: Connections): void {
  const doubles = new DoubleReader()
  const http = (w: Int32Array, at: number) => connections.http(w[at + 1] as number)
  const seq = (w: Int32Array, at: number) => (w[at + 2] as number) & 0xff
  const status = (w: Int32Array, at: number) => (w[at + 2] as number) >>> 8
  outbox.on(Out.HTTP_RESPOND, (w, at) => {
    const offset = w[at + 4] as number
    const bodyAt = offset + (w[at + 5] as number)
    const body = send.subarray(bodyAt, bodyAt + (w[at + 6] as number))
    http(w, at)?.respond(seq(w, at), status(w, at), w[at + 3] as number, send.subarray(offset, bodyAt), body)
  })
  outbox.on(Out.HTTP_HEAD, (w, at) => {
    const length = doubles.read(w, at + 6)
    http(w, at)?.head(seq(w, at), status(w, at), w[at + 3] as number, view(send, w, at + 4), length)
  })
  outbox.on(Out.HTTP_CHUNK, (w, at) => void http(w, at)?.chunk(seq(w, at), view(send, w, at + 3), false))
  outbox.on(Out.HTTP_END, (w, at) => http(w, at)?.end(seq(w, at)))
  outbox.on(Out.HTTP_BODY_RESUME, (w, at) => http(w, at)?.resumeBody(seq(w, at)))
  outbox.on(Out.HTTP_BODY_PAUSE, (w, at) => http(w, at)?.pauseBody(seq(w, at)))
  outbox.on(Out.HTTP_WANT_DRAIN, (w, at) => http(w, at)?.wantDrain(seq(w, at)))
  outbox.on(Out.HTTP_DESTROY, (w, at) => http(w, at)?.destroy())
}

/** The bytes that the two words at `at` name. */
function view(slab: Uint8Array, words: Int32Array, at: number): Uint8Array {
  const offset = words[at] as number
  return slab.subarray(offset, offset + (words[at + 1] as number))
}
