import { connect, type Socket } from 'node:net'
import { checkOptions, invalid } from '../arguments'
import { type CommandResult, checkLine } from '../control'
import { HeddleError, systemError } from '../errors'
import { resolveEndpoints } from '../net/address'
import { size } from '../net/options'
import { deadlineOf, Waiter, type WaitOptions } from '../net/wait'
import { AnswerReader } from './framing'
import { checkToken } from './token'

/** Where a control socket is. */
export interface ControlEndpoint {
  /** Of a unix socket. */
  readonly path?: string
  /** Of TCP. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** What the server wants to hear first. */
  readonly token?: string
  /** Bytes that an answer may have. Default 64 MiB. */
  readonly maxAnswerBytes?: number
}

/** How one command is given. */
export interface ClientCommandOptions extends WaitOptions {
  /** An XML document instead of text. Default false. */
  readonly xml?: boolean
}

interface Asked {
  readonly resolve: (result: CommandResult) => void
  readonly reject: (error: unknown) => void
}

const OPTIONS: Record<keyof ControlEndpoint, true> = {
  path: true,
  port: true,
  host: true,
  token: true,
  maxAnswerBytes: true,
}

/**
 * A client of a control socket. It stands on Node's own sockets and needs no eventer, so that the command line does not depend
 * on what it is to examine. An open client keeps its process alive. (CN-01)
 */
export class ControlClient {
  readonly #socket: Socket
  readonly #answers: AnswerReader
  readonly #asked: Asked[] = []
  #error: HeddleError | undefined
  /** Resolves when the connection is over, whoever ended it; never rejects. */
  readonly closed: Promise<void>
  #hasClosed: () => void = () => {}

  /**
   * Connects to the path of a unix socket, or to where the options say. ECONNREFUSED and ENOENT: nobody is there; EACCES: it
   * is somebody else's, or the token is wrong; ETIME, ERR_INVALID_ARGUMENT.
   */
  static async connect(where: string | ControlEndpoint, wait: WaitOptions = {}): Promise<ControlClient> {
    const endpoint = typeof where === 'string' ? { path: where } : where
    checkOptions(
      'ControlClient.connect',
      endpoint,
      new Set(Object.keys(OPTIONS)),
      "{ path: '/run/app/control' }",
    )
    const { token, maxAnswerBytes } = endpoint
    if (endpoint.path === undefined && endpoint.port === undefined)
      throw new HeddleError('ERR_INVALID_ARGUMENT', 'a control socket has a path or a port')
    if (token !== undefined) checkToken(token)
    const limit = size('maxAnswerBytes', maxAnswerBytes, 64 * 1024 * 1024)
    const deadline = deadlineOf(wait)
    const client = new ControlClient(await open(endpoint, deadline, wait.signal), limit)
    if (token === undefined) return client
    try {
      const { ok, text } = await client.#ask(`auth ${token}`, deadline, wait.signal)
      if (!ok) throw new HeddleError('EACCES', text.trim())
      return client
    } catch (error) {
      client.close()
      throw error
    }
  }

  private constructor(socket: Socket, limit: number) {
    this.#socket = socket
    this.#answers = new AnswerReader(limit)
    this.closed = new Promise((resolve) => {
      this.#hasClosed = resolve
    })
    socket.on('data', (chunk: Buffer) => this.#received(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(ofSystem(error)))
    socket.on('close', () => this.#fail(ended()))
  }

  /** False once the server has gone, or `close` was called. */
  get isOpen(): boolean {
    return this.#error === undefined
  }

  /**
   * Gives one command; several may be under way, and are answered in order. Resolves also where the command fails: `ok` is
   * false then. A wait that ends early (ETIME, the reason of the signal) leaves the command to its fate, and the client
   * usable. ERR_INVALID_ARGUMENT: this is no line; ERR_CLOSED, ECONNRESET, ERR_END_OF_STREAM: the server has gone;
   * EPROTO, ERR_READ_LIMIT: what came is no answer, or too long a one.
   */
  async command(line: string, options: ClientCommandOptions = {}): Promise<CommandResult> {
    checkLine(line)
    const text = options.xml === true ? `xml ${line}` : line
    checkLine(text)
    return this.#ask(text, deadlineOf(options), options.signal)
  }

  /** Leaves. What waits is dropped there, and rejects here with ERR_CLOSED. */
  close(): void {
    this.#fail(new HeddleError('ERR_CLOSED', 'the client was closed'))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #ask(line: string, deadline: number, signal: AbortSignal | undefined): Promise<CommandResult> {
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw invalid('signal', 'is an AbortSignal', signal)
    signal?.throwIfAborted()
    if (this.#error !== undefined)
      throw new HeddleError('ERR_CLOSED', 'the client is closed', { cause: this.#error })
    const waiter = new Waiter('command', deadline, signal)
    let result: CommandResult | undefined
    const settle = (answer: CommandResult): void => {
      result = answer
      waiter.resolve()
    }
    this.#asked.push({ resolve: settle, reject: (error) => waiter.reject(error) })
    this.#socket.write(`${line}\n`)
    await waiter.promise
    return result as unknown as CommandResult
  }

  #received(chunk: Buffer): void {
    this.#answers.push(chunk)
    try {
      for (let result = this.#answers.next(); result !== undefined; result = this.#answers.next()) {
        const asked = this.#asked.shift()
        if (asked === undefined) throw new HeddleError('EPROTO', 'an answer came that nobody has asked for')
        asked.resolve(result)
      }
    } catch (error) {
      this.#fail(error as HeddleError)
    }
  }

  #fail(error: HeddleError): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#socket.destroy()
    for (const asked of this.#asked.splice(0)) asked.reject(error)
    this.#hasClosed()
  }
}

async function open(
  { path, port, host }: ControlEndpoint,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  let failure: unknown
  for (const endpoint of await resolveEndpoints({
    ...(path !== undefined && { path }),
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
  })) {
    try {
      return await attempt(endpoint.kind === 'unix' ? { path: endpoint.path } : endpoint, deadline, signal)
    } catch (error) {
      failure = error
      if (!(error instanceof HeddleError) || error.isTimeout || signal?.aborted) break
    }
  }
  throw failure
}

async function attempt(
  endpoint: { readonly path: string } | { readonly host: string; readonly port: number },
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  signal?.throwIfAborted()
  const socket = connect(endpoint)
  const waiter = new Waiter('connect', deadline, signal)
  const refused = (error: NodeJS.ErrnoException): void => waiter.reject(ofSystem(error))
  socket.once('connect', () => waiter.resolve())
  socket.on('error', refused)
  try {
    await waiter.promise
    socket.off('error', refused)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function ofSystem(error: NodeJS.ErrnoException): HeddleError {
  return systemError(error.errno ?? 0, error.syscall ?? 'connect', (error as { address?: string }).address)
}

function ended(): HeddleError {
  return new HeddleError('ERR_END_OF_STREAM', 'the server has ended the connection')
}
