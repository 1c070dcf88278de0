import workerpool from 'workerpool'
import { add, size } from './tasks.mjs'

workerpool.worker({ add, size, back: (bytes) => new workerpool.Transfer(bytes, [bytes.buffer]) })
