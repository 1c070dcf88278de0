/** The same over descriptor events: accepted, adopted and read by asking for 64 bytes. */
process.env.HEDDLE_BACKEND = 'native'
const { aco, Eventer, Mask } = await import('../../dist/index.js')
const { selectBackend } = await import('../../dist/backend/select.js')
const { obey } = await import('./control.mjs')

let units = 0

const eventer = await Eventer.init()
eventer.start()
const { sys } = selectBackend()
const listening = sys.listenFd({ kind: 'tcp', host: '127.0.0.1', port: 0, backlog: 1024 })
const adopt = (fd) => aco.adopt(eventer.fdEvent(fd, Mask.READ, () => 0))

aco.start(async () => {
  const listener = adopt(listening)
  for (;;) aco.start(serve, (await listener.accept()).fd)
})

async function serve(co) {
  const event = adopt(co.arg)
  const buffer = Buffer.alloc(64)
  try {
    for (let n = await co.read(event, buffer); n > 0; n = await co.read(event, buffer)) {
      units += n
      await co.write(event, n === buffer.length ? buffer : buffer.subarray(0, n))
    }
  } catch {
    // The load breaks its connections off at the end.
  } finally {
    await event.close()
    event.free()
  }
}

obey(sys.address(listening, false).port, () => units)
