/** A server over a pool of loops; the variant is its kind and concurrency, `native-2`. */
import { fileURLToPath } from 'node:url'
import { createServer, Eventer } from '../../dist/index.js'
import { obey } from './control.mjs'
import { variant } from './task.mjs'

const [kind, concurrency] = variant.split('-')
const cells = new Int32Array(new SharedArrayBuffer(4 * 64))
const module = fileURLToPath(new URL('./heddle-pool-handler.mjs', import.meta.url))
const workers = kind === 'worker' ? { module, data: cells } : {}

process.env.HEDDLE_BACKEND = 'native'
const eventer = await Eventer.init({ pools: { io: { kind, concurrency: Number(concurrency), ...workers } } })
eventer.start()
if (kind !== 'worker') (await import(module)).start({ data: cells, index: 0 })
const server = createServer({ pool: 'io', keepAliveTimeout: 300_000 }, { module, export: 'hello' })
await server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 })
obey(server.port, () => cells.reduce((sum, count) => sum + count, 0))
