import { In, Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import type { Event } from './event'
import { FdEvent } from './fd-event'
import type { Loop } from './loop'
import { RecurrentEvent } from './recurrent-event'
import { EVENTER_CHANNEL, type RemoteMessage, type RemoteSpec, decodeMessage } from './remote'
import { toLoopMs } from './time'
import { TimedEvent } from './timed-event'

/** Carries out a post, of which the first byte, the channel, has been taken off. */
export type PostReceiver = (loop: Loop, bytes: Uint8Array) => void

/** What others than the eventer post to loops; each channel is taken once, when its module is loaded. */
const receivers = new Map<number, PostReceiver>([
  [EVENTER_CHANNEL, (loop, bytes) => carryOut(loop, decodeMessage(bytes))],
])

export function receiveChannel(channel: number, receive: PostReceiver): void {
  receivers.set(channel, receive)
}

/** Carries out what other isolates posted to this loop; failures go to the `error` listeners of the eventer. */
export function receivePosts(loop: Loop): void {
  const port = loop.port
  port.handle(In.POST, (at) => {
    const offset = port.inbox[at + 1] as number
    const length = port.inbox[at + 2] as number
    const bytes = port.recv.subarray(offset, offset + length)
    try {
      receivers.get(bytes[0] as number)?.(loop, bytes.subarray(1))
    } catch (error) {
      loop.core.report(error)
    }
  })
}

function carryOut(loop: Loop, message: RemoteMessage): void {
  switch (message.op) {
    case 'add':
      add(loop, message.spec, message.dispatch)
      return
    case 'remove': {
      const event = loop.slots.find(message.handle)
      if (event === undefined) return
      assertForwarding(loop, 'remove')
      if (loop.core.remove(event)) event.release()
      return
    }
    case 'update': {
      const event = loop.slots.find(message.handle)
      if (!(event instanceof FdEvent) || !event.isScheduled) return
      assertForwarding(loop, 'update')
      loop.core.update(event, message.mask)
    }
  }
}

function add(loop: Loop, spec: RemoteSpec, dispatch: boolean): void {
  const event = build(loop, spec)
  try {
    loop.core.add(event)
  } catch (error) {
    event.free()
    throw error
  }
  if (dispatch) loop.port.push2(Out.TRIGGER, event.handle, event.mask)
}

function build(loop: Loop, spec: RemoteSpec): Event {
  const callback = loop.core.names.callback(spec.callback)
  if (callback === undefined) throw new HeddleError('ENOENT', `no callback is named "${spec.callback}"`)
  switch (spec.kind) {
    case 'fd':
      return new FdEvent(loop, spec.fd, spec.mask, callback, spec.closure, false)
    case 'timer':
      return new TimedEvent(loop, toLoopMs(spec.whence), callback, spec.closure)
    case 'recurrent':
      return new RecurrentEvent(loop, callback, spec.closure)
  }
}

function assertForwarding(loop: Loop, call: string): void {
  if (loop.core.strict) throw new HeddleError('ERR_WRONG_THREAD', `${call} was called from another thread`)
}
