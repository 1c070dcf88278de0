/** Things that wait in subqueues, which take turns; each is first in, first out. (AC-23) */
export class FairQueue<T> {
  /** Those that hold something, the next to be served first. */
  readonly #queues = new Map<bigint, Set<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(subqueue: bigint, item: T): void {
    const queue = this.#queues.get(subqueue)
    if (queue === undefined) this.#queues.set(subqueue, new Set([item]))
    else queue.add(item)
    this.#size++
  }

  /** The next one; its subqueue goes behind the others. */
  shift(): T | undefined {
    const [first] = this.#queues
    if (first === undefined) return undefined
    const [subqueue, queue] = first
    const [item] = queue
    this.#queues.delete(subqueue)
    queue.delete(item as T)
    if (queue.size > 0) this.#queues.set(subqueue, queue)
    this.#size--
    return item
  }

  delete(subqueue: bigint, item: T): void {
    const queue = this.#queues.get(subqueue)
    if (!queue?.delete(item)) return
    if (queue.size === 0) this.#queues.delete(subqueue)
    this.#size--
  }

  /** How many wait in each subqueue. */
  sizes(): Map<bigint, number> {
    return new Map([...this.#queues].map(([subqueue, { size }]) => [subqueue, size]))
  }
}
