// Engines of the addon that do not come to be, or are asked for something after their end. Prints what came of it.
//
//   node scarce.mjs descriptors|eventer|closed|clock|transferred|blocks
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { createServer, Eventer, HeddleError, listen } from 'heddle'

const { loadNative } = createRequire(import.meta.url)('../../../dist/backend/native.js')
const native = loadNative()
const OPTIONS = { maxSleepMs: 200, maxTimersPerPass: 1024, maxEventsPerWait: 1024, name: 'scarce/0' }

function createEngine() {
  const memory = {
    inbox: new Int32Array(1 << 14),
    outbox: new Int32Array(1 << 14),
    recv: new Uint8Array(1 << 18),
    send: new Uint8Array(1 << 18),
    control: new Int32Array(16),
    clock: new Float64Array(8),
  }
  return native.createEngine(memory, OPTIONS, () => {})
}

function codeOf(act) {
  try {
    act()
    return 'none'
  } catch (error) {
    return error.code ?? error.name
  }
}

const openDescriptors = () => readdirSync('/proc/self/fd').length
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

/** With so many descriptors left: what creating an engine throws. */
function withLeft(left) {
  const taken = []
  while (codeOf(() => taken.push(openSync('/dev/null'))) === 'none');
  for (let i = 0; i < left; i++) closeSync(taken.pop())
  const code = codeOf(() => createEngine().close())
  for (const fd of taken) closeSync(fd)
  return code
}

async function descriptors() {
  const before = openDescriptors()
  const codes = [withLeft(0), withLeft(1)]
  await turn()
  const leftOver = openDescriptors() - before
  const engine = createEngine()
  engine.start()
  engine.close()
  return { codes, leftOver }
}

/** The same for the users of the package. */
function eventer() {
  const taken = []
  while (codeOf(() => taken.push(openSync('/dev/null'))) === 'none');
  let error
  try {
    Eventer.initSync()
  } catch (caught) {
    error = caught
  }
  for (const fd of taken) closeSync(fd)
  return { typed: error instanceof HeddleError, code: error.code, message: error.message }
}

/** Every method, at once after the close and when libuv has let go. */
async function closed() {
  const engine = createEngine()
  engine.start()
  engine.close()
  const results = []
  for (const moment of [() => {}, turn]) {
    await moment()
    for (const [name, method] of Object.entries(engine)) {
      if (typeof method === 'function') results.push([name, method(1, 0, new Uint8Array(1))])
    }
  }
  return { calls: results.length > 40, unlike: results.filter(([, result]) => result !== -9) }
}

async function clock() {
  const { performance } = globalThis
  const codes = []
  for (const other of [undefined, {}, { now: () => 'late' }, { now: () => JSON.parse('{') }]) {
    Object.defineProperty(globalThis, 'performance', { value: other, configurable: true })
    codes.push(codeOf(createEngine))
  }
  Object.defineProperty(globalThis, 'performance', { value: performance, configurable: true })
  createEngine().close()
  return { codes }
}

/** The other owner writes its own bytes where the waiting ones lay; the peer must not see them. */
async function transferred() {
  let code
  let moved
  let foreign = 0
  let received = 0
  const socket = new Socket()
  const listener = await listen(
    { port: 0 },
    {
      onConnection(connection) {
        const bytes = new Uint8Array(16 << 20).fill(1)
        connection.write(bytes)
        moved = structuredClone(bytes, { transfer: [bytes.buffer] }).fill(2)
        socket.resume()
      },
      onData() {},
      onClose: (_, error) => (code = error?.code),
    },
  )
  socket.on('data', (chunk) => {
    received += chunk.length
    for (const byte of chunk) if (byte !== 1) foreign++
  })
  socket.pause()
  socket.connect(listener.port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.on('close', resolve))
  await listener.close()
  return { code, foreign, before: received > 0 && moved.length > received }
}

/** act(), while the process may have only so much more memory. */
function withMemory(bytes, act) {
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0])
  const limit = (most) => execFileSync('prlimit', [`--pid=${process.pid}`, `--as=${most}:`])
  limit(pages * 4096 + bytes)
  try {
    act()
  } finally {
    limit('unlimited')
  }
}

/** What a client gets, to its end. */
function read(port, request = '') {
  const socket = new Socket()
  const chunks = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.connect(port, '127.0.0.1', () => socket.write(request))
  return new Promise((resolve) => socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1'))))
}

/** A loop with a thread of its own is to send more than there is memory to copy. */
async function blocks() {
  const MiB = 1 << 20
  const block = new Uint8Array(256 * MiB).fill(0x78)
  const eventer = await Eventer.init({ pools: { io: { kind: 'native', concurrency: 1 } } })
  eventer.start()
  let code
  const listener = await listen(
    { port: 0, pool: 'io' },
    {
      onConnection(connection) {
        connection.write('begin')
        withMemory(64 * MiB, () => connection.write(block))
        connection.write('END')
        connection.end()
      },
      onClose: (_, error) => (code = error?.code),
    },
  )
  const stream = await read(listener.port)
  await listener.close()
  const server = createServer({ pool: 'io' }, (_, res) => {
    res.write('begin')
    withMemory(64 * MiB, () => res.write(block))
    res.end('END')
  })
  const { port } = await server.listen({ port: 0 })
  const response = await read(port, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  await server.close()
  eventer.unref()
  return {
    stream: { code, isBeginning: /^beginx*$/.test(stream), hasEnd: stream.includes('END') },
    response: {
      isBeginning: /\r\nbegin\r\n[0-9a-f]+\r\nx*$/.test(response),
      hasEnd: response.includes('END'),
    },
  }
}

const scenarios = { descriptors, eventer, closed, clock, transferred, blocks }
console.log(JSON.stringify(await scenarios[process.argv[2]]()))
