/** A value that follows its samples slowly: 0.8 of the old one, 0.2 of the new. (JQ-10) */
export class Smoothed {
  value = 0
  isKnown = false

  add(sample: number): void {
    this.value = this.isKnown ? 0.8 * this.value + 0.2 * sample : sample
    this.isKnown = true
  }
}
