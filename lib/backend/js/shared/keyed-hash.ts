/**
 * HalfSipHash-1-3 with 32 bits of result: under a secret that the keys' chooser does not know, nobody can choose keys
 * that meet in one bucket. Words go in one by one.
 */
export class KeyedHash {
  readonly #seed0: number
  readonly #seed1: number
  #v0 = 0
  #v1 = 0
  #v2 = 0
  #v3 = 0

  constructor(seed0: number, seed1: number) {
    this.#seed0 = seed0
    this.#seed1 = seed1
  }

  begin(): void {
    this.#v0 = this.#seed0
    this.#v1 = this.#seed1
    this.#v2 = this.#seed0 ^ 0x6c796765
    this.#v3 = this.#seed1 ^ 0x74656462
  }

  add(word: number): void {
    this.#v3 ^= word
    this.#round()
    this.#v0 ^= word
  }

  /** `tag` tells kinds of input apart that may have the same words. */
  end(tag: number): number {
    this.#v2 ^= tag
    this.#round()
    this.#round()
    this.#round()
    return this.#v1 ^ this.#v3
  }

  #round(): void {
    let v0 = (this.#v0 + this.#v1) | 0
    let v1 = ((this.#v1 << 5) | (this.#v1 >>> 27)) ^ v0
    let v2 = (this.#v2 + this.#v3) | 0
    let v3 = ((this.#v3 << 8) | (this.#v3 >>> 24)) ^ v2
    v0 = (((v0 << 16) | (v0 >>> 16)) + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    this.#v0 = v0
    this.#v1 = v1
    this.#v2 = (v2 << 16) | (v2 >>> 16)
    this.#v3 = v3
  }
}
