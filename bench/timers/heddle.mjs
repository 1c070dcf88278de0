process.env.HEDDLE_BACKEND = 'native'
export const { insertIn, insertAt, cancel, finish } = await import('./heddle-timers.mjs')
