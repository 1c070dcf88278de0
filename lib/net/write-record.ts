import { BLOCK_BYTES, type Port } from '../backend/port'
import { Control, Out } from '../backend/protocol'
import { putText } from './slab'

/** Queues `text` for the connection, in UTF-8, and returns its bytes. */
export function writeText(port: Port, handle: number, text: string): number {
  if (text.length >= BLOCK_BYTES) return writeBytes(port, handle, Buffer.from(text))
  const offset = port.reserve(3 * text.length)
  const length = putText(port.send, offset, text)
  append(port, handle, offset, length)
  return length
}

/** Queues `bytes`, a copy of them unless they are a block, and returns how many they are. */
export function writeBytes(port: Port, handle: number, bytes: Uint8Array): number {
  const length = bytes.length
  if (length >= BLOCK_BYTES) {
    // A failure means that the handle has just died; its CLOSE is on the way.
    port.engine.writeBlock(handle, bytes)
    return length
  }
  return writeCopy(port, handle, bytes)
}

/** Queues a copy of `bytes`, at most as many as the send slab takes, and returns how many they are. */
export function writeCopy(port: Port, handle: number, bytes: Uint8Array): number {
  const length = bytes.length
  const offset = port.reserve(length)
  port.send.set(bytes, offset)
  append(port, handle, offset, length)
  return length
}

/** Queues bytes of the receive slab. Only while the batch that brought them is dispatched. */
export function writeReceived(port: Port, handle: number, offset: number, length: number): number {
  const at = port.begin(Out.WRITE_RECEIVED, 4)
  const outbox = port.outbox
  outbox[at + 1] = handle
  outbox[at + 2] = offset
  outbox[at + 3] = length
  return length
}

function append(port: Port, handle: number, offset: number, length: number): void {
  if (length === 0) return
  port.control[Control.SEND_BYTES] = offset + length
  const at = port.begin(Out.WRITE, 4)
  const outbox = port.outbox
  outbox[at + 1] = handle
  outbox[at + 2] = offset
  outbox[at + 3] = length
}
