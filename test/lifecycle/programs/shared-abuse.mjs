/** Random operations on a shared map whose values tell whether they are whole. */
export class Abuse {
  wrong = []
  #map
  #state

  constructor(map, seed) {
    this.#map = map
    this.#state = seed
  }

  step() {
    const key = `key ${this.#random(300)}`
    switch (this.#random(8)) {
      case 0:
      case 1:
        this.#map.set(key, signed(String.fromCharCode(97 + this.#random(26)).repeat(this.#random(3000))))
        break
      case 2:
        this.#map.delete(key)
        break
      case 3:
        this.#checkText(this.#map.get(key))
        break
      case 4: {
        const length = this.#random(100_000)
        this.#map.set(`bytes ${this.#random(5)}`, new Uint8Array(length).fill(length))
        break
      }
      case 5:
        this.#checkBytes(this.#map.get(`bytes ${this.#random(5)}`))
        break
      case 6: {
        const now = this.#map.get(key)
        if (now !== undefined) this.#map.compareAndSet(key, now, signed(`cas ${this.#random(100)}`))
        break
      }
      default:
        if (this.#random(20) === 0) this.#walk()
    }
  }

  #walk() {
    const seen = new Set()
    for (const [key] of this.#map) {
      if (seen.has(key)) this.wrong.push(`twice ${key}`)
      seen.add(key)
    }
  }

  #checkText(value) {
    if (value === undefined) return
    if (value !== signed(value.slice(value.indexOf(':') + 1)))
      this.wrong.push(`torn text ${value.slice(0, 40)}`)
  }

  #checkBytes(value) {
    const byte = value === undefined ? 0 : value.length & 255
    if (value?.some((found) => found !== byte)) this.wrong.push(`torn bytes, ${value.length}`)
  }

  #random(below) {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % below
  }
}

/** A text with a hash before it. */
function signed(text) {
  let hash = 7
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0
  return `${hash}:${text}`
}
