import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const STDERR_KEPT = 4000

/**
 * A child process that is asked by lines on its stdin and answers by lines of JSON on its stdout, one answer for
 * each question, in order. Every wait is bounded. The child is told to leave by the end of its stdin.
 */
export class LineProcess {
  #child
  #name
  #answers = []
  #waiting = []
  #stderr = ''
  #exited
  #ended

  constructor(name, command, args, env = {}) {
    this.#name = name
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'pipe' })
    this.#child.stdin.on('error', () => {}) // the child may be gone already; its exit is reported below
    this.#child.stderr.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT)
    })
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#accept(line))
    this.#exited = new Promise((resolve) => {
      const settle = (status) => {
        this.#end(`ended with ${status}`)
        resolve(status)
      }
      this.#child.once('error', (error) => settle(error.message))
      this.#child.once('close', (code, signal) => settle(signal ?? code))
    })
  }

  get pid() {
    return this.#child.pid
  }

  /** Sends a line; with none, only waits for the next answer. */
  async ask(line, timeoutMs = 15_000) {
    if (line !== undefined) this.#child.stdin.write(`${line}\n`)
    const answer = this.#answers.shift() ?? (await this.#nextAnswer(timeoutMs))
    try {
      return JSON.parse(answer)
    } catch {
      throw new Error(`${this.#name} said: ${answer}`)
    }
  }

  /** Tells the child to leave; one that does not is killed. Returns its exit code or signal. */
  async stop(timeoutMs = 5_000) {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs)
    const status = await this.#exited
    clearTimeout(timer)
    return status
  }

  #accept(line) {
    const waiter = this.#waiting.shift()
    if (waiter) waiter.resolve(line)
    else this.#answers.push(line)
  }

  #nextAnswer(timeoutMs) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#failure(this.#ended))
      const timer = setTimeout(() => reject(this.#failure(`no answer within ${timeoutMs} ms`)), timeoutMs)
      this.#waiting.push({
        resolve: (line) => {
          clearTimeout(timer)
          resolve(line)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
    })
  }

  #end(how) {
    this.#ended = how
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#failure(how))
  }

  #failure(how) {
    return new Error(`${this.#name}: ${how}\n${this.#stderr.trim()}`)
  }
}
