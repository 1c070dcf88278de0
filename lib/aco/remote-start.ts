import { deserialize, serialize } from 'node:v8'
import { selectBackend } from '../backend/select'
import { checkResult, HeddleError } from '../errors'
import { inheritedDefaultLoop } from '../eventer/default-loop-id'
import type { Loop } from '../eventer/loop'
import { receiveChannel } from '../eventer/remote-inbox'
import { type LocatedTarget, load } from '../jobq/targets'
import type { Coroutine } from './coroutine'
import { Runtime } from './runtime'

/** First byte of a post that starts a coroutine. */
const ACO_CHANNEL = 2

interface StartMessage {
  readonly target: LocatedTarget
  readonly name: string | undefined
  readonly arg: unknown
}

/** Has a coroutine started on a loop of another isolate; without `loopId` on its default loop. ERR_NOT_INIT, ENOENT. */
export function postStart(message: StartMessage, loopId = inheritedDefaultLoop()): void {
  if (loopId === undefined)
    throw new HeddleError('ERR_NOT_INIT', 'neither this isolate nor the one that started it has an eventer')
  const bytes = Buffer.concat([Buffer.of(ACO_CHANNEL), serialize(message)])
  checkResult(selectBackend().post(loopId, bytes), 'post', `loop ${loopId}`)
}

/** Starts it on a loop of this isolate; the module is loaded first. */
export function startTarget(
  loop: Loop,
  { target, name, arg }: StartMessage,
  signal?: AbortSignal,
): Coroutine {
  const run = async (co: Coroutine) => (await load(target))(co)
  return Runtime.of(loop.core).start(loop, run, arg, { name: name ?? target.export, signal })
}

/** Takes the posts of other isolates. */
export function receiveStarts(): void {
  receiveChannel(ACO_CHANNEL, (loop, bytes) => startTarget(loop, deserialize(bytes) as StartMessage))
}
