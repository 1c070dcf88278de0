import type { HttpSpec } from '../backend'
import { Connection, type FlowLimits, type Host, type Origin } from './connection'
import { errno } from './errno'
import type { Inbox } from './inbox'

export class HttpConnection extends Connection {
  constructor(host: Host, handle: number, limits: FlowLimits, _spec: HttpSpec, origin: Origin) {
    super(host, handle, limits, origin)
  }

  accepted(): void {}
  drain(): void {}
  respond(_seq: number, _status: number, _flags: number, _head: Uint8Array, _body: Uint8Array): void {}
  head(_seq: number, _status: number, _flags: number, _head: Uint8Array, _length: number): void {}
  chunk(_seq: number, _bytes: Uint8Array, _owned: boolean): number {
    return -errno.ENOSYS
  }
  end(_seq: number): void {}
  resumeBody(_seq: number): void {}
  pauseBody(_seq: number): void {}
  wantDrain(_seq: number): void {}

  connected(): void {}
  data(_chunk: Uint8Array): void {}
  ended(): void {}
  protected outputChanged(): void {}
  protected gone(): void {
    this.host.forget(this)
  }
  collect(_inbox: Inbox): boolean {
    return true
  }
}
