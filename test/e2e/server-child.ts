import { expect } from 'vitest'
import { Program } from './program'

/** What a server counts; see servers/counters.mjs. */
export interface Counters {
  readonly events: number
  readonly engine: {
    readonly connections: number
    readonly listeners: number
    readonly timers: number
    readonly watches: number
    readonly bufferedBytes: number
  }
  readonly connections: { readonly http: number; readonly echo: number }
  readonly descriptors: number
  readonly rss: number
  /** Bytes of all ArrayBuffers alive after a collection. */
  readonly arrayBuffers: number
  readonly cpuMs: number
}

export interface ServerOptions {
  readonly http?: object
  readonly also?: readonly object[]
  readonly echo?: object
  readonly eventer?: object
}

interface Listening {
  readonly pid: number
  readonly http: number
  readonly echo: number
  readonly addresses: readonly { readonly port: number }[]
}

/** Pauses between looks at the counters, and how long they may take to settle on a busy machine. */
const LOOK_MS = 50
const SETTLE_MS = 60_000
/** Resident memory that an allocator keeps, not a leak; a sanitizer keeps all that was freed. */
const RSS_SLACK = process.env.ASAN_OPTIONS === undefined ? 128 * 2 ** 20 : Number.POSITIVE_INFINITY
const BUFFER_SLACK = 2 ** 20

const servers: ServerChild[] = []

/** Ends every server that was started; call it after each test. */
export async function stopServers(): Promise<void> {
  for (const server of servers.splice(0)) await server.program.stop()
}

/** A server in a process of its own, with the counters it had before any client came. */
export class ServerChild {
  readonly program: Program
  port = 0
  echoPort = 0
  pid = 0
  /** Ports of all HTTP addresses. */
  ports: readonly number[] = []
  #baseline: Counters | undefined

  constructor(program: Program) {
    this.program = program
    servers.push(this)
  }

  static async start(
    backend: string,
    options: ServerOptions = {},
    limits: { readonly descriptors?: number } = {},
  ): Promise<ServerChild> {
    const args = ['--expose-gc', 'test/e2e/servers/server.mjs', JSON.stringify(options)]
    const server = new ServerChild(new Program(args, { HEDDLE_BACKEND: backend }, limits))
    const [line] = await server.program.output(/^\{"event":"listening".*\}$/m)
    const listening = JSON.parse(line) as Listening
    server.pid = listening.pid
    server.port = listening.http
    server.echoPort = listening.echo
    server.ports = listening.addresses.map((address) => address.port)
    // The first requests load what every server loads once.
    for (let i = 0; i < 3; i++) server.#baseline = await server.counters()
    return server
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async counters(): Promise<Counters> {
    const response = await fetch(`${this.origin}/counters`, { signal: AbortSignal.timeout(SETTLE_MS) })
    return (await response.json()) as Counters
  }

  /** Lines of one kind that the server has printed. */
  told(event: string): Record<string, unknown>[] {
    return this.program.stdout
      .split('\n')
      .filter((line) => line.startsWith(`{"event":"${event}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** The server answers, and holds nothing more than before the first client came. */
  async expectSettled(): Promise<void> {
    const baseline = this.#baseline as Counters
    const until = performance.now() + SETTLE_MS
    let now = await this.counters()
    while (!isSettled(now, baseline) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      now = await this.counters()
    }
    expect(comparable(now)).toEqual(comparable(baseline))
    expect(now.arrayBuffers).toBeLessThan(baseline.arrayBuffers + BUFFER_SLACK)
    expect(now.rss).toBeLessThan(baseline.rss + RSS_SLACK)
    expect(this.program.stderr).toBe('')
  }
}

function comparable({ events, engine, connections, descriptors }: Counters): object {
  return { events, engine, connections, descriptors }
}

function isSettled(now: Counters, baseline: Counters): boolean {
  return (
    JSON.stringify(comparable(now)) === JSON.stringify(comparable(baseline)) &&
    now.arrayBuffers < baseline.arrayBuffers + BUFFER_SLACK &&
    now.rss < baseline.rss + RSS_SLACK
  )
}
