import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** How long a client waits for what must come. */
const PATIENCE_MS = 60_000

/** A client that sends exactly the bytes it is told to, when it is told to. */
export class RawClient {
  readonly socket: Socket
  /** Whether the server has sent FIN. */
  ended = false
  /** Code of what broke the connection. */
  error: string | undefined
  readonly #waiting = new Set<() => void>()
  /** Put together only when they are looked at: millions of bytes come in thousands of chunks. */
  #chunks: Buffer[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#wake()
    })
    socket.on('end', () => {
      this.ended = true
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code
      this.#wake()
    })
    socket.on('close', () => this.#wake())
  }

  static async open(
    where: number | NetConnectOpts,
    options: { readonly allowHalfOpen?: boolean } = {},
  ): Promise<RawClient> {
    const target = typeof where === 'number' ? { port: where, host: '127.0.0.1' } : where
    const socket = connect({ allowHalfOpen: true, ...options, ...target })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  /** Everything received and not taken yet. */
  get received(): Buffer {
    const [first, ...more] = this.#chunks
    if (first === undefined) return Buffer.alloc(0)
    if (more.length === 0) return first
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = [whole]
    return whole
  }

  set received(bytes: Buffer) {
    this.#chunks = [bytes]
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data)
  }

  /** Waits until the received bytes satisfy `test`; fails when the connection ends before they do. */
  async until(test: (client: RawClient) => boolean, what = 'the expected bytes'): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!test(this)) {
      if (this.closed)
        throw new Error(`the connection ended (${this.error ?? 'FIN'}) before ${what}: ${this.text}`)
      if (performance.now() > deadline) throw new Error(`nothing came of ${what}: ${this.text}`)
      await this.#change(deadline - performance.now())
    }
  }

  /** Everything until the server closes or resets. */
  async rest(): Promise<string> {
    const deadline = performance.now() + PATIENCE_MS
    while (!this.closed) {
      if (performance.now() > deadline) throw new Error(`the server keeps the connection open: ${this.text}`)
      await this.#change(deadline - performance.now())
    }
    return this.text
  }

  /** Takes `count` whole answers with a Content-Length off the received bytes and returns their bodies. */
  async answers(count: number): Promise<string[]> {
    const bodies: string[] = []
    while (bodies.length < count) {
      await this.until((client) => client.#answerLength() > 0, `answer ${bodies.length + 1} of ${count}`)
      const length = this.#answerLength()
      const text = this.received.subarray(0, length).toString('latin1')
      bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4))
      this.received = this.received.subarray(length)
    }
    return bodies
  }

  /** FIN from our side; the answer may still come. */
  halfClose(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  destroy(): void {
    this.socket.destroy()
  }

  get closed(): boolean {
    return this.ended || this.error !== undefined || this.socket.destroyed
  }

  /** Length of the answer at the front, 0 if it is not complete. */
  #answerLength(): number {
    const head = this.text.indexOf('\r\n\r\n')
    if (head < 0) return 0
    const length = /content-length: (\d+)/i.exec(this.text.slice(0, head))
    if (length === null) throw new Error(`an answer without a length: ${this.text.slice(0, head)}`)
    const total = head + 4 + Number(length[1])
    return this.received.length >= total ? total : 0
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.max(1, milliseconds))
      const waiting = this.#waiting
      function done(): void {
        clearTimeout(timer)
        waiting.delete(done)
        resolve()
      }
      waiting.add(done)
    })
  }
}
