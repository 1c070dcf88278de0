/**
 * A place in the heap; its owner keeps it to move or remove the entry. `at` is -1 while it is not in the
 * heap.
 */
export interface Deadline<T> {
  time: number
  order: number
  at: number
  value: T
}

const ARITY = 4

function before<T>(a: Deadline<T>, b: Deadline<T>): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

/**
 * 4-ary heap ordered by time, then by insertion. Insert and remove take O(log n), the earliest lies at the
 * top.
 */
export class DeadlineHeap<T> {
  readonly #nodes: Deadline<T>[] = []
  #order = 0

  get size(): number {
    return this.#nodes.length
  }

  peek(): Deadline<T> | undefined {
    return this.#nodes[0]
  }

  add(time: number, value: T): Deadline<T> {
    const node = { time, order: this.#order++, at: this.#nodes.length, value }
    this.#nodes.push(node)
    this.#rise(node, node.at)
    return node
  }

  /** Removes an entry; one that has left already is ignored. */
  remove(node: Deadline<T>): void {
    const at = node.at
    if (at < 0) return
    node.at = -1
    const last = this.#nodes.pop() as Deadline<T>
    if (last === node) return
    this.#rise(last, at)
    this.#sink(last, last.at)
  }

  #rise(node: Deadline<T>, from: number): void {
    const nodes = this.#nodes
    let at = from
    while (at > 0) {
      const up = (at - 1) >> 2
      const parent = nodes[up] as Deadline<T>
      if (!before(node, parent)) break
      nodes[at] = parent
      parent.at = at
      at = up
    }
    nodes[at] = node
    node.at = at
  }

  #sink(node: Deadline<T>, from: number): void {
    const nodes = this.#nodes
    let at = from
    for (;;) {
      const child = this.#earliestChild(at)
      if (child === undefined || !before(child, node)) break
      const next = child.at
      nodes[at] = child
      child.at = at
      at = next
    }
    nodes[at] = node
    node.at = at
  }

  #earliestChild(at: number): Deadline<T> | undefined {
    const first = at * ARITY + 1
    let best = this.#nodes[first]
    for (let i = first + 1; i < first + ARITY; i++) {
      const node = this.#nodes[i]
      if (node === undefined) break
      if (before(node, best as Deadline<T>)) best = node
    }
    return best
  }
}
