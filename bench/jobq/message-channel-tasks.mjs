import { workerData } from 'node:worker_threads'
import { add, size } from './tasks.mjs'

const { port } = workerData
port.on('message', ({ id, task, arg }) => {
  if (task === 'add') port.postMessage({ id, value: add(arg) })
  else if (task === 'size') port.postMessage({ id, value: size(arg) })
  else port.postMessage({ id, value: arg }, [arg.buffer])
})
