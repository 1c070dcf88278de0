/**
 * Results that have come over a MessagePort before the record that tells of them. Not every record comes: a job that took too
 * long has been answered already. So what has come is kept as long as jobs that were under way then still are.
 *
 * Such jobs are counted in two generations. The old one only shrinks; when it is empty, the young one becomes old.
 */
export class EarlyResults {
  readonly #results = new Map<string, { readonly value: unknown; readonly generation: number }>()
  readonly #underWay: [even: number, odd: number] = [0, 0]
  #generation = 0

  get size(): number {
    return this.#results.size
  }

  /** A job whose result may come begins; what `ended` wants. */
  began(): number {
    const parity = (this.#generation & 1) as 0 | 1
    this.#underWay[parity]++
    return parity
  }

  /** It has been answered, with or without its result. */
  ended(parity: number): void {
    this.#underWay[parity as 0 | 1]--
    const old = ((this.#generation + 1) & 1) as 0 | 1
    if (this.#underWay[old] === 0) this.#turn()
  }

  put(worker: number, number: number, value: unknown): void {
    const isWanted = this.#underWay[0] + this.#underWay[1] > 0
    if (isWanted) this.#results.set(`${worker} ${number}`, { value, generation: this.#generation })
  }

  take(worker: number, number: number): { readonly value: unknown } | undefined {
    const key = `${worker} ${number}`
    const found = this.#results.get(key)
    if (found !== undefined) this.#results.delete(key)
    return found
  }

  clear(): void {
    this.#results.clear()
  }

  #turn(): void {
    // Where none is under way at all, both are over.
    this.#generation += this.#underWay[0] + this.#underWay[1] === 0 ? 2 : 1
    if (this.#results.size > 0) this.#sweep()
  }

  #sweep(): void {
    for (const [key, { generation }] of this.#results) {
      if (generation + 2 > this.#generation) return
      this.#results.delete(key)
    }
  }
}
