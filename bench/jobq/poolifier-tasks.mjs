import { ThreadWorker } from 'poolifier'
import { add, size } from './tasks.mjs'

export default new ThreadWorker({ add, size })
