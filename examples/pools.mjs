// The same HTTP server on each kind of pool: `node examples/pools.mjs [embedded|native|worker] [loops] [port]`.
//
// Its handler is named by module and export, here this very file, since functions cannot cross threads. Every five seconds
// it says what the loops have done.
import { threadId } from 'node:worker_threads'
import { createServer, Eventer } from 'heddle'

export const hello = (req, res) => res.end(`Hello from thread ${threadId}, ${req.path}\n`)

async function main(kind = 'embedded', loops = '2', port = '8890') {
  const eventer = await Eventer.init({ pools: { web: { kind, concurrency: Number(loops) } } })
  eventer.start()
  const server = createServer({ pool: 'web' }, { module: new URL(import.meta.url), export: 'hello' })
  await server.listen({ port: Number(port) })
  console.log(`http://127.0.0.1:${server.port}/ on ${loops} ${kind} loops`)
  const report = setInterval(() => {
    for (const { name, callbacks, latency } of eventer.pool('web').stats().loops)
      console.log(`${name}: ${callbacks} callbacks, at most ${latency.maxMs.toFixed(1)} ms at a time`)
  }, 5000)
  process.once('SIGTERM', async () => {
    clearInterval(report)
    await server.close({ drain: true })
    await eventer[Symbol.asyncDispose]()
    console.log('bye')
  })
}

// Workers import this file for its handler; so does the server here, which a top-level await would keep waiting.
if (threadId === 0) main(...process.argv.slice(2))
