import { readdirSync } from 'node:fs'
import { SUBJECT } from './harness/compare.mjs'
import { describeMachine } from './harness/machine.mjs'
import { USAGE, readOptions } from './harness/options.mjs'
import { printCase, printMachine, warnIfBusy } from './harness/report.mjs'

/** A bench is a file of bench/cases: it exports `name`, `describe` and the generator `run(options)`. */
async function loadBenches() {
  const folder = new URL('cases/', import.meta.url)
  const files = readdirSync(folder).filter((file) => file.endsWith('.mjs'))
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder))))
  return new Map(modules.map((module) => [module.name, module]))
}

function usage(benches) {
  const list = [...benches.values()].map(({ name, describe }) => `  ${name.padEnd(17)} ${describe}`)
  return `${USAGE}\nbenches:\n${list.join('\n')}\n`
}

async function main() {
  const options = readOptions(process.argv.slice(2))
  const benches = await loadBenches()
  const bench = benches.get(options.name)
  if (!bench)
    throw new Error(`${options.name ? `no bench named ${options.name}` : 'which bench?'}\n${usage(benches)}`)
  if (options.json && options.only && !options.only.includes(SUBJECT)) {
    throw new Error(`--json compares ${SUBJECT} with its peers: name it in --only`)
  }

  const machine = describeMachine()
  const rows = []
  warnIfBusy(machine)
  if (!options.json) printMachine(machine)
  for await (const result of bench.run(options)) {
    rows.push(...result.rows())
    if (!options.json) printCase(result)
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: bench.name, machine, rows }, null, 2)}\n`)
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
