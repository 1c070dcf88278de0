/**
 * Cost of one call in one implementation of hooks, in a process of its own:
 * `node measure.mjs CONTESTANT QUESTION PROVIDERS ARGS HOOKS MILLISECONDS`. Prints one JSON line.
 */
const [contestant, question, ...numbers] = process.argv.slice(2)
const [providers, args, hooks, milliseconds] = numbers.map(Number)
const { makeVoid, makeValue, has, reload } = await import(`./${contestant}.mjs`)

const BATCH = 20_000
const WARM_UP = 300_000
/** As a program has that runs for weeks. */
const RELOADS = 20
/** Each of many hooks must be compiled for itself. */
const WARM_UP_EACH = 20_000

/** A loop with each number of arguments: what is called is what varies. */
const LOOPS = [
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call()
  },
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call(i)
  },
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call(i, 1)
  },
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call(i, 1, 2)
  },
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call(i, 1, 2, 3)
  },
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call(i, 1, 2, 3, 4)
  },
  (hook, count) => {
    for (let i = 0; i < count; i++) hook.call(i, 1, 2, 3, 4, 5)
  },
]

function asks(hook, count) {
  let found = 0
  for (let i = 0; i < count; i++) if (has(hook)) found++
  if (found !== count) throw new Error(`${contestant} has none`)
}

/** A program has hooks of other sizes too, which go through whatever code is shared. */
function others() {
  for (const count of [1, 2, 5, 7]) LOOPS[args](makeVoid(count, args).call, WARM_UP / 10)
}

const make = question === 'value' ? makeValue : makeVoid
const made = Array.from({ length: hooks }, () => make(providers, args, question === 'shared'))
const share = Math.ceil(BATCH / hooks)
const subjects = made.map(({ call, hook }) => (question === 'has' ? hook : call))
const loop = question === 'has' ? asks : LOOPS[args]
const batch = (count) => {
  for (const subject of subjects) loop(subject, count)
}

others()
batch(Math.max(WARM_UP_EACH, WARM_UP / hooks))
if (question === 'reload' || question === 'closures') {
  for (let i = 0; i < RELOADS; i++) {
    reload(made, providers, question === 'closures')
    batch(Math.max(WARM_UP_EACH, WARM_UP / hooks))
  }
}

// The fastest batch: on a machine that others use as well the rest is their doing.
let best = Number.POSITIVE_INFINITY
const end = performance.now() + milliseconds
while (performance.now() < end) {
  const start = performance.now()
  batch(share)
  best = Math.min(best, performance.now() - start)
}
process.stdout.write(`${JSON.stringify({ ns: (best * 1e6) / (share * hooks) })}\n`)
