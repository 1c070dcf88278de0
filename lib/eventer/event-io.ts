import type { AddressInfo } from '../backend/backend'
import { EventFactory } from './event-factory'
import { FdEvent } from './fd-event'
import type { AcceptResult, IoResult } from './opset'

/** Without this the event's default counts. */
const FOR_EVER = { timeout: Number.POSITIVE_INFINITY }

/** What waits for its descriptor by itself: an event of a coroutine. */
export interface WaitingIo {
  read(into: Uint8Array, options: { readonly timeout: number }): Promise<number>
  write(from: Uint8Array, options: { readonly timeout: number }): Promise<number>
  accept(options: {
    readonly timeout: number
  }): Promise<{ readonly fd: number; readonly peer: AddressInfo | undefined }>
  close(): Promise<void>
}

/**
 * The four operations by their classic names. On a classic event they are attempted once and say so; on one of a coroutine
 * they are its own, without a time-out. (FD-07, AC-16)
 */
export abstract class EventIo extends EventFactory {
  read(event: FdEvent, into: Uint8Array): IoResult
  read(event: WaitingIo, into: Uint8Array): Promise<number>
  read(event: FdEvent | WaitingIo, into: Uint8Array): IoResult | Promise<number> {
    return event instanceof FdEvent ? event.read(into) : event.read(into, FOR_EVER)
  }

  write(event: FdEvent, from: Uint8Array): IoResult
  write(event: WaitingIo, from: Uint8Array): Promise<number>
  write(event: FdEvent | WaitingIo, from: Uint8Array): IoResult | Promise<number> {
    return event instanceof FdEvent ? event.write(from) : event.write(from, FOR_EVER)
  }

  accept(event: FdEvent): AcceptResult
  accept(event: WaitingIo): ReturnType<WaitingIo['accept']>
  accept(event: FdEvent | WaitingIo): AcceptResult | ReturnType<WaitingIo['accept']> {
    return event instanceof FdEvent ? event.accept() : event.accept(FOR_EVER)
  }

  close(event: FdEvent | WaitingIo): Promise<void> {
    return event.close()
  }
}
