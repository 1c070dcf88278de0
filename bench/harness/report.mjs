import { rounded } from './compare.mjs'

const number = (value) => rounded(value, 3).toLocaleString('en-US', { maximumFractionDigits: 4 })

/** Aligns cells in columns: the first to the left, the others to the right. */
function table(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))
  return lines.map((line) => `  ${line.map(pad).join('  ')}`.trimEnd()).join('\n')
}

function figureTable(result) {
  const title = ({ unit, isAside }) => (isAside ? unit : `${unit} (low .. high)`)
  const header = ['', ...result.metrics.map(title)]
  const names = [...result.samples.keys()]
  const body = names.map((name, index) => {
    const cells = result.metrics.map(({ key, isAside }) => {
      const { median, low, high } = result.figures(key)[index]
      if (isAside) return number(median)
      return `${number(median)} (${number(low)} .. ${number(high)})`
    })
    return [name, ...cells]
  })
  return table([header, ...body])
}

/** A range with 1 inside shows no difference, whatever its middle. */
function verdict({ low, high }) {
  if (low === high) return 'one round only'
  if (low > 1) return 'better'
  return high < 1 ? 'worse' : 'no difference'
}

function ratioTable(rows) {
  const header = ['heddle against', 'unit', 'ratio', 'low .. high', '']
  const body = rows.map((row) => [
    row.peerName,
    row.unit,
    number(row.ratio),
    `${number(row.low)} .. ${number(row.high)}`,
    verdict(row),
  ])
  return table([header, ...body])
}

export function printCase(result) {
  const rows = result.rows()
  process.stdout.write(`\n${result.name}\n${figureTable(result)}\n`)
  if (rows.length > 0) process.stdout.write(`\n${ratioTable(rows)}\n`)
}

/** Said on stderr, so that it reaches whoever redirects the figures. */
export function warnIfBusy({ load, cores }) {
  if (load < cores / 4) return
  process.stderr.write(
    `load ${load} on ${cores} cores before the run: others use this machine, do not quote the figures\n`,
  )
}

export function printMachine(machine) {
  const { cpu, cores, kernel, node, load, commit, date } = machine
  process.stdout.write(
    `${cpu}, ${cores} cores, ${kernel}, Node ${node}, load ${load}, commit ${commit}, ${date}\n`,
  )
  process.stdout.write('Medians over the rounds; ratios of the same round, above 1 is better for heddle.\n')
}
