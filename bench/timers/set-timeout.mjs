/** Timers of Node. Delays are milliseconds, deadlines lie on the scale of `performance.now()`. */
export const insertIn = (delay, callback) => setTimeout(callback, delay)
export const insertAt = (deadline, callback) => setTimeout(callback, deadline - performance.now())
export const cancel = (timer) => clearTimeout(timer)
