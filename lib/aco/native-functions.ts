import { invalid } from '../arguments'
import { In } from '../backend/protocol'
import { HeddleError, systemError } from '../errors'
import type { AsynchCall, AsynchRunner } from './asynch-runner'
import type { NativeLoop } from './native-loop'

/**
 * Runs registered functions of native modules on native threads: the runner of calls whose target is `{ native }`. The
 * argument is bytes or nothing; the function works on a copy, which is written back when it is done, and the result is
 * the number that it returned. The process's threads are used by all loops, so no queue can be named.
 */
export class NativeFunctions implements AsynchRunner {
  readonly name = 'native'
  readonly isFull = false
  readonly #native: NativeLoop
  readonly #calls = new Map<number, AsynchCall>()
  readonly #requests = new Map<AsynchCall, number>()
  readonly #words = new Int32Array(2)
  readonly #result = new Float64Array(this.#words.buffer)
  #next = 1

  constructor(native: NativeLoop) {
    this.#native = native
    const { port } = native.loop
    port.handle(In.ACO_CALLED, (at) => {
      const word = (n: number): number => port.inbox[at + n] as number
      this.#words[0] = word(3)
      this.#words[1] = word(4)
      this.#called(word(1), word(2), this.#result[0] as number)
    })
  }

  submit(call: AsynchCall): void {
    const { target, arg, phased, deadline } = call
    if (arg !== undefined && !(arg instanceof Uint8Array)) {
      call.reject(invalid('the argument of a native function', 'is a Uint8Array, or left out', arg))
      return
    }
    if (phased) {
      call.reject(new HeddleError('ERR_NOT_SUPPORTED', 'a native function has no phases'))
      return
    }
    const request = this.#next
    this.#next = (request % 0x7fffffff) + 1
    const deadlineMs = Number.isFinite(deadline) ? Math.max(deadline, Number.MIN_VALUE) : 0
    const result = this.#native.engine.call(request, target.export, arg, { deadlineMs, tryOnly: false })
    if (result < 0) {
      call.reject(callError(result, target.export))
      return
    }
    this.#calls.set(request, call)
    this.#requests.set(call, request)
  }

  withdraw(call: AsynchCall): void {
    const request = this.#requests.get(call)
    if (request === undefined) return
    this.#forget(request, call)
    this.#native.engine.withdraw(request)
  }

  /** Nobody will hear of the calls under way. */
  abandon(reason: unknown): void {
    for (const call of [...this.#calls.values()]) {
      this.withdraw(call)
      call.reject(reason)
    }
  }

  #called(request: number, errno: number, result: number): void {
    const call = this.#calls.get(request)
    if (call === undefined) return
    this.#forget(request, call)
    this.#native.engine.fetch(request, (call.arg as Uint8Array | undefined) ?? NO_BYTES)
    if (errno < 0) call.reject(callError(errno, call.target.export))
    else call.resolve(result)
  }

  #forget(request: number, call: AsynchCall): void {
    this.#calls.delete(request)
    this.#requests.delete(call)
  }
}

const NO_BYTES = new Uint8Array()

function callError(errno: number, name: string): HeddleError {
  const error = systemError(errno, 'asynch', name)
  if (error.code === 'ENOENT') return new HeddleError('ENOENT', `no native function ${name} is registered`)
  if (error.code === 'ETIME') return new HeddleError('ETIME', `${name} did not begin before its deadline`)
  return error
}
