/** Timeouts of both backends: heddle.mjs and heddle-js.mjs choose one before they load this. */
const { Eventer } = await import('../../dist/index.js')

const ORIGIN = performance.timeOrigin
const eventer = Eventer.initSync()
eventer.start()

export const insertIn = (delay, callback) => eventer.setTimeout(callback, delay)
export const insertAt = (deadline, callback) => eventer.setDeadline(callback, ORIGIN + deadline)
export const cancel = (timer) => eventer.clearTimeout(timer)
export const finish = () => eventer[Symbol.asyncDispose]()
