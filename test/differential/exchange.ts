import { connect } from 'node:net'

/** A request as a server's handler saw it, body complete. */
export interface Seen {
  method: string
  target: string
  version: string
  /** By lower-case name, lines of one name joined. */
  fields: Record<string, string>
  body: string
}

/** What came of the bytes of one connection. */
export interface Outcome {
  seen: Seen[]
  /** Status of the refusal that ended the connection; null when it ended otherwise. */
  refusal: number | null
}

/** A server under test. `seen` is filled by its handler, which answers 200 when the body is complete. */
export interface Subject {
  port: number
  seen: Seen[]
  close(): Promise<void>
}

const PATIENCE_MS = 30_000

/** Status codes of the responses in a stream of responses whose bodies are `ok`. */
function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1]))
}

/** Sends the pieces, half-closes, and gathers all that comes back until the server closes. */
export function send(port: number, pieces: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    let answer = ''
    socket.setEncoding('latin1')
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the server neither answered nor closed')))
    socket.on('data', (text: string) => {
      answer += text
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that refuses may reset: it has unread bytes. What it said before counts.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('close', () => resolve(answer))
    socket.on('connect', () => sendNext(0))
    function sendNext(index: number): void {
      const piece = pieces[index]
      if (piece === undefined || socket.destroyed) socket.end()
      else socket.write(piece, () => setImmediate(sendNext, index + 1))
    }
  })
}

export async function observe(subject: Subject, ...pieces: Buffer[]): Promise<Outcome> {
  subject.seen.length = 0
  const answer = await send(subject.port, pieces)
  const refusal = statuses(answer).find((status) => status >= 400) ?? null
  return { seen: [...subject.seen], refusal }
}
