/** Timers of the native backend as event objects, with all that these can do beyond a timeout. */
process.env.HEDDLE_BACKEND = 'native'
const { Eventer } = await import('../../dist/index.js')

const ORIGIN = performance.timeOrigin
const eventer = Eventer.initSync()
eventer.start()

export const insertIn = (delay, callback) => eventer.addIn(delay, callback)
export const insertAt = (deadline, callback) => eventer.addAt(ORIGIN + deadline, callback)
export const cancel = (timer) => eventer.removeTimed(timer)?.free()
export const finish = () => eventer[Symbol.asyncDispose]()
