/** Numbers in [0, 1) that are the same in every run, so that all contestants get the same deadlines. */
export function seededRandom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** The whole numbers from 0 to count - 1 in random order. */
export function shuffled(count, random) {
  const numbers = Int32Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = numbers[last]
    numbers[last] = numbers[other]
    numbers[other] = kept
  }
  return numbers
}
