/** Timers of both backends: heddle.mjs and heddle-js.mjs choose one before they load this. */
const { Eventer } = await import('../../dist/index.js')

const eventer = Eventer.initSync()
eventer.start()

export const insertIn = (delay, callback) => eventer.addIn(delay, callback)
export const insertAt = (deadline, callback) => eventer.addAt(performance.timeOrigin + deadline, callback)
export const cancel = (timer) => eventer.removeTimed(timer)?.free()
export const finish = () => eventer[Symbol.asyncDispose]()
