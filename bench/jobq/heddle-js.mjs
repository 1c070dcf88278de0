process.env.HEDDLE_BACKEND = 'js'

export async function create(threads) {
  const { create: make } = await import('./heddle.mjs')
  return make(threads)
}
