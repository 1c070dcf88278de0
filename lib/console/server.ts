import { invalid, checkOptions } from '../arguments'
import { Control } from '../control'
import { defaultLoop, keepAlive } from '../default-loop'
import { HeddleError } from '../errors'
import {
  type Connection,
  type ConnectionHandlers,
  type EndpointOptions,
  Listener,
  type PortHolder,
} from '../net'
import { resolveEndpoints } from '../net/address'
import { size } from '../net/options'
import { ControlSession } from './session'
import { SocketFile } from './socket-file'
import { checkToken } from './token'

/** Where a control socket is, and what its clients may do. One of `path` and `port` is needed. */
export interface ControlListenOptions {
  /** Of a unix socket, which its owner alone can open (mode 0600), in a folder that its owner alone can write to. */
  readonly path?: string
  /** Of TCP, on the loopback interface: every user of the machine may connect, so set a `token`. 0: any. */
  readonly port?: number
  /** An address of the loopback interface. Default 127.0.0.1. */
  readonly host?: string
  /** What a client must know. Default: none, whoever can connect may give every command. */
  readonly token?: string
  /** Default: the default loop of this isolate. */
  readonly loop?: PortHolder
  /**
   * Clients at a time; others wait to be accepted. Default 64. With a token, of those who have not said it there are as many
   * besides: of more the one that has been silent for the longest is cut off, so that nobody is kept out by them.
   */
  readonly maxClients?: number
  /** Milliseconds in which a client has to say the token. Default 5,000; 0: no limit. */
  readonly authTimeout?: number
  /** Milliseconds after which a client that takes nothing of its answer is cut off. Default 30,000; 0: never. */
  readonly stallTimeout?: number
}

/** How a control socket is closed. */
export interface ControlCloseOptions {
  /** Milliseconds for commands that run and answers on their way; what is left then is cut off. Default 5,000. */
  readonly timeout?: number
}

const OPTIONS: Record<keyof ControlListenOptions, true> = {
  path: true,
  port: true,
  host: true,
  token: true,
  loop: true,
  maxClients: true,
  authTimeout: true,
  stallTimeout: true,
}

/**
 * A socket over which clients give commands: `ControlClient`, `heddle console`. Each line is run by `Control`, and so in turn
 * with those of other clients; each answer arrives whole.
 *
 * Thread rule: the isolate that listens. (CN-01, CN-09)
 */
export class ControlServer {
  readonly #sessions = new Map<Connection, ControlSession>()
  #listener!: Listener
  #file: SocketFile | undefined
  #closed: Promise<void> | undefined

  /**
   * Starts to listen. EADDRINUSE: somebody serves that address; EACCES: others may write to the folder of the socket; EEXIST:
   * there is a file of another kind; ERR_INVALID_ARGUMENT, also for a path that is too long and a host that is not this machine.
   */
  static async listen(control: Control, options: ControlListenOptions): Promise<ControlServer> {
    if (!(control instanceof Control)) throw invalid('listen takes', 'a Control', control)
    checkOptions(
      'ControlServer.listen',
      options,
      new Set(Object.keys(OPTIONS)),
      "{ path: '/run/app/control' }",
    )
    const { loop, token } = options
    if (token !== undefined) checkToken(token)
    if (loop !== undefined) return new ControlServer().#open(control, options, loop)
    return keepAlive(() => new ControlServer().#open(control, options, defaultLoop()))
  }

  private constructor() {}

  /** Path of the unix socket. */
  get path(): string | undefined {
    return this.#file?.path
  }

  /** Port of TCP. */
  get port(): number | undefined {
    return this.#file === undefined ? this.#listener.port : undefined
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#sessions.size
  }

  /**
   * Takes no more clients and lines, waits for what is under way, and removes the socket's file. Where that cannot be removed
   * (EACCES, ENOTDIR, …) it rejects when all else is closed.
   */
  close({ timeout = 5000 }: ControlCloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(size('timeout', timeout, 5000))
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #open(control: Control, options: ControlListenOptions, loop: PortHolder): Promise<this> {
    const rules = {
      control,
      token: options.token,
      authTimeout: size('authTimeout', options.authTimeout, 5000),
      stallTimeout: size('stallTimeout', options.stallTimeout, 30_000),
    }
    const maxClients = size('maxClients', options.maxClients, 64)
    const handlers: ConnectionHandlers = {
      onConnection: (connection) => {
        this.#cutStrangers(maxClients)
        const session = new ControlSession(connection, rules)
        this.#sessions.set(connection, session)
        return session.serve()
      },
      onClose: (connection) => {
        this.#sessions.get(connection)?.gone()
        this.#sessions.delete(connection)
      },
    }
    const maxConnections = options.token === undefined ? maxClients : 2 * maxClients
    // Each session holds one answer at most, which may be as long as Control allows.
    const limits = { maxConnections, maxWriteBufferBytes: 0 }
    const open = async (endpoint: EndpointOptions): Promise<void> => {
      this.#listener = await Listener.open({ ...endpoint, ...limits, loop }, handlers)
    }
    const { path } = options
    if (path === undefined) await open(loopback(options))
    else await this.#openFile(path, options, open)
    return this
  }

  /** Makes room for one more. */
  #cutStrangers(most: number): void {
    const strangers = [...this.#sessions].filter(([, { isTrusted }]) => !isTrusted)
    if (most === 0 || strangers.length < most) return
    const [oldest] = strangers[0] as [Connection, ControlSession]
    oldest.destroy()
  }

  async #openFile(
    path: string,
    { port, host }: ControlListenOptions,
    open: (endpoint: EndpointOptions) => Promise<void>,
  ): Promise<void> {
    if (port !== undefined || host !== undefined)
      throw new HeddleError('ERR_INVALID_ARGUMENT', 'a control socket has a path, or a port, not both')
    if (typeof path !== 'string' || path === '') throw invalid('path', 'is a text that is not empty', path)
    // The file is bound by another name, which may be the longer one; this one must fit by itself as well.
    await resolveEndpoints({ path })
    try {
      this.#file = await SocketFile.make(path, (bound) => open({ path: bound }))
    } catch (error) {
      await this.#listener?.close()
      throw error
    }
  }

  async #close(timeout: number): Promise<void> {
    try {
      await this.#file?.remove()
    } finally {
      for (const session of this.#sessions.values()) session.end()
      const sessions = [...this.#sessions.keys()]
      // 0 means no limit to `close`; here it means none of the time.
      if (timeout === 0) for (const connection of sessions) connection.destroy()
      await this.#listener.close({ drain: true, ...(timeout > 0 && { timeout }) })
    }
  }
}

function loopback({ port, host = '127.0.0.1' }: ControlListenOptions): EndpointOptions {
  if (port === undefined)
    throw new HeddleError('ERR_INVALID_ARGUMENT', 'a control socket needs a path or a port')
  if (typeof host === 'string' && (host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host)))
    return { host, port }
  throw invalid('host', 'is an address of the loopback interface', host)
}
