import { pairedRatio, spread } from './stats.mjs'

export const SUBJECT = 'heddle'

/**
 * What a case measured. `samples` maps a contestant to its rounds, each an object with one number per metric;
 * `metrics` says what they are: `{ key, unit, better: 'higher' | 'lower' }`, or `{ key, unit, isAside: true }` for what
 * is shown but not compared.
 */
export class CaseResult {
  constructor(name, metrics, samples) {
    this.name = name
    this.metrics = metrics
    this.samples = samples
  }

  series(contestant, key) {
    return this.samples.get(contestant).map((sample) => sample[key])
  }

  /** Median, low and high of each contestant for one metric. */
  figures(key) {
    return [...this.samples.keys()].map((name) => ({ name, ...spread(this.series(name, key)) }))
  }

  /** One row for each peer and metric, as `--json` prints them. None when the subject did not take part. */
  rows() {
    if (!this.samples.has(SUBJECT)) return []
    const peers = [...this.samples.keys()].filter((name) => name !== SUBJECT)
    const compared = this.metrics.filter(({ isAside }) => !isAside)
    return compared.flatMap((metric) => peers.map((peer) => this.#row(metric, peer)))
  }

  #row({ key, unit, better }, peerName) {
    const ours = this.series(SUBJECT, key)
    const theirs = this.series(peerName, key)
    const ratio = pairedRatio(ours, theirs, better)
    return {
      case: this.name,
      unit,
      heddle: rounded(spread(ours).median),
      peerName,
      peer: rounded(spread(theirs).median),
      ratio: rounded(ratio.median),
      low: rounded(ratio.low),
      high: rounded(ratio.high),
    }
  }
}

/** So many significant digits, but whole numbers from 1,000 on in full. */
export function rounded(value, digits = 4) {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(digits))
}
