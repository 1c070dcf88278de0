/** Middle of a list of numbers; the mean of the two middle ones when their count is even. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Median, lowest and highest of a list. */
export function spread(values) {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) }
}

/**
 * Ratios of two series round by round, turned so that above 1 is better for the first one. Only figures of the
 * same round are compared: what else the machine did at that time disturbed both.
 */
export function pairedRatio(ours, theirs, better) {
  const ratios = ours.map((value, round) => {
    // A count of microseconds may come out as 0; the least that is told apart keeps the ratio finite.
    const a = Math.max(value, 1e-3)
    const b = Math.max(theirs[round], 1e-3)
    return better === 'higher' ? a / b : b / a
  })
  return spread(ratios)
}
