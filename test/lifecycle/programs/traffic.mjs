// Clients that keep a server busy until it goes away. Failures are expected: the server may die at any moment.
import { connect } from 'node:net'

const HELLO = 'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n'
const UPLOAD = 'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n'
const BLOCK = Buffer.alloc(65536, 'b')

/** What runs against one server: every way in which a connection can be in the middle of something. */
export class Traffic {
  /** Complete HTTP answers so far. */
  answers = 0
  /** Bytes that came back from the echo. */
  echoed = 0
  #sockets = new Set()
  #gone = []

  constructor(ports) {
    for (let i = 0; i < 4; i++) this.#requests(ports.http, HELLO, 1)
    this.#requests(ports.http, HELLO.repeat(16), 16)
    for (let i = 0; i < 2; i++) this.#echo(ports.echo)
    this.#stuffing(ports.http, UPLOAD)
    this.#reading(ports.http, 'GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n')
    this.#silent(ports.http, 'GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n')
    this.#silent(ports.http, 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n')
    this.#silent(ports.http, 'GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n')
    this.#silent(ports.http, 'GET /hel')
    this.#silent(ports.http, '')
    this.#silent(ports.echo, '')
  }

  get open() {
    return this.#sockets.size
  }

  /** Ends what the server has not ended; resolves when every connection is gone. */
  async stop() {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#gone)
  }

  #open(port, data) {
    const socket = connect(port, '127.0.0.1')
    this.#sockets.add(socket)
    this.#gone.push(
      new Promise((resolve) => {
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          resolve()
        })
      }),
    )
    if (data !== '') socket.write(data)
    return socket
  }

  #requests(port, text, count) {
    const socket = this.#open(port, text)
    let due = count
    socket.on('data', (chunk) => {
      const found = chunk.toString('latin1').split('Hello, world\n').length - 1
      this.answers += found
      due -= found
      if (due > 0) return
      due += count
      socket.write(text)
    })
  }

  #echo(port) {
    const socket = this.#open(port, BLOCK)
    socket.on('data', (chunk) => {
      this.echoed += chunk.length
      socket.write(chunk)
    })
  }

  #stuffing(port, head) {
    const socket = this.#open(port, head)
    const more = () => {
      while (!socket.destroyed && socket.write(BLOCK));
    }
    socket.on('drain', more)
    more()
  }

  /** A slow reader: fast ones would only heat the machine. */
  #reading(port, text) {
    const socket = this.#open(port, text)
    socket.on('data', () => {
      socket.pause()
      setTimeout(() => socket.resume(), 5)
    })
  }

  /** Sends and never reads. */
  #silent(port, text) {
    this.#open(port, text).pause()
  }
}
