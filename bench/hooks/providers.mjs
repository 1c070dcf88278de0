import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const shared = { sum: 0 }

/** What a provider works on: each on its own, as those of different modules do, or all of them on one. */
export const tallyFor = (isShared) => (isShared ? shared : { sum: 0 })

const OPERATIONS = [
  '+ a',
  '^ a',
  '- a',
  '+ a + 1',
  '| a',
  '+ a + 2',
  '^ (a + 3)',
  '- a - 4',
  '+ a + 5',
  '& ~a',
]

/**
 * So many sets of ten providers, each a function of its own, as those of different modules are; ours get what they work on as their
 * closure, those of others find it in their scope. A set gives other closures each time. They come from a file, since code from text
 * is what some programs must do without.
 */
async function providers(sets, isWithClosure) {
  const one = (operation) =>
    isWithClosure
      ? `(own, a) => { own.sum = (own.sum ${operation}) | 0 }`
      : `((tally) => (a) => { tally.sum = (tally.sum ${operation}) | 0 })(tallyFor(isShared))`
  const row = `(isShared) => [${OPERATIONS.map(one).join(', ')}]`
  const rows = new Array(sets).fill(row)
  const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-'))
  const file = join(folder, 'providers.mjs')
  try {
    writeFileSync(file, `export const make = (tallyFor) => [${rows.join(',\n')}]\n`)
    const { make } = await import(pathToFileURL(file))
    return make(tallyFor)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Takes the next set of ten each time. */
export async function supply(isWithClosure, sets = 500) {
  const all = await providers(sets, isWithClosure)
  let next = 0
  return (isShared = false) => all[next++ % sets](isShared)
}

/** Takes the same set each time: other closures of the same code. */
export async function supplyAgain() {
  const [one] = await providers(1, true)
  return () => one(false)
}
