import { Eventer } from '../../dist/index.js'

const MODULE = new URL('heddle-tasks.mjs', import.meta.url).href
const target = (name) => ({ module: MODULE, export: name })
const ADD = target('add')
const SIZE = target('size')
const BACK = target('back')
const NOTHING = { native: 'heddle:nothing' }

export function create(threads) {
  const eventer = Eventer.initSync()
  eventer.start()
  const jobs = eventer.jobqs.create('bench', { concurrency: threads })
  const native = eventer.jobqs.create('native', { kind: 'native', concurrency: threads })
  return {
    add: (a, b) => jobs.run(ADD, { a, b }),
    copy: (bytes) => jobs.run(SIZE, bytes),
    move: (bytes) => jobs.run(BACK, bytes, { transfer: [bytes.buffer] }),
    nothing: () => native.run(NOTHING),
  }
}
