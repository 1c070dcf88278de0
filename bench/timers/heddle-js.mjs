process.env.HEDDLE_BACKEND = 'js'
export const { insertIn, insertAt, cancel, finish } = await import('./heddle-timers.mjs')
