import { nativeLoop, type NativeLoop, type NativeStackOptions, nativeStack } from '../aco'
import { checkOptions, invalid } from '../arguments'
import type { AddressInfo } from '../backend/backend'
import { HeddleError, systemError } from '../errors'
import { Loop } from '../eventer'
import { type Endpoint, resolveEndpoints } from './address'
import { type ListenOptions, type PortHolder, listenSpec } from './options'
import { preparePath } from './unix-path'

/** Serves each connection with a registered procedure of a native module. (AC-28, LS-07) */
export interface NativeService extends NativeStackOptions {
  /** The name under which the module has registered it. */
  readonly native: string
}

const KNOWN: ReadonlySet<string> = new Set(['native', 'maxStack', 'ownStack', 'keepsFloatingControl'])

/** ERR_INVALID_ARGUMENT, ERR_NATIVE_REQUIRED. */
export function checkNativeService(loop: PortHolder, service: NativeService): Loop {
  checkOptions('registerAco', service, KNOWN, "{ native: 'listen_to_me' }")
  if (typeof service.native !== 'string' || service.native === '')
    throw invalid('native', 'is the name of a procedure', service.native)
  if (!(loop instanceof Loop)) throw invalid('registerAco needs', 'listeners on a loop of an eventer', loop)
  nativeStack(service)
  nativeLoop(loop)
  return loop
}

/**
 * A listening descriptor whose connections native coroutines serve, without JavaScript: nobody hears of them here. Of the
 * options of streams only `noDelay` has a meaning.
 */
export class NativeSocket {
  readonly address: AddressInfo
  readonly #native: NativeLoop
  readonly #handle: number
  readonly #unlisten: () => void
  #closed = false

  private constructor(native: NativeLoop, handle: number, address: AddressInfo, unlisten: () => void) {
    this.#native = native
    this.#handle = handle
    this.address = address
    this.#unlisten = unlisten
  }

  /** ENOENT: no module has registered the procedure; else as a listener's. `failed` hears of failed accepts. */
  static async open(
    loop: Loop,
    options: ListenOptions,
    service: NativeService,
    failed: (errno: number) => void,
  ): Promise<NativeSocket> {
    const endpoint = (await resolveEndpoints(options))[0] as Endpoint
    const spec = { ...listenSpec(endpoint, options), ...nativeStack(service) }
    if (spec.path !== undefined) await preparePath(spec.path)
    const native = nativeLoop(loop)
    const handle = native.engine.listen(service.native, spec)
    if (handle < 0) throw listenError(handle, service.native)
    const address = native.engine.listenerAddress(handle) as AddressInfo
    return new NativeSocket(native, handle, address, native.listens(service.native, { failed }))
  }

  /** Coroutines that serve its connections; 0 once it is closed. */
  get connections(): number {
    return Math.max(0, this.#native.engine.listenerConnections(this.#handle))
  }

  /** Stops accepting and gives the address free; connections go on. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#unlisten()
    // -EBADF: the engine is gone, and what it held with it.
    this.#native.engine.listenerClose(this.#handle)
  }
}

function listenError(errno: number, procedure: string): HeddleError {
  const error = systemError(errno, 'listen', procedure)
  if (error.code !== 'ENOENT') return error
  return new HeddleError('ENOENT', `no native procedure ${procedure} is registered`)
}
