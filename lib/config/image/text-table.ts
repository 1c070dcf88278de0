/** Texts of an image, each once: one byte a unit where all are below 256, two bytes otherwise, so that any text comes back. */
export class TextTable {
  readonly #ids = new Map<string, number>()
  readonly #texts: { readonly text: string; readonly encoding: 'latin1' | 'utf16le' }[] = []
  /** Two words a text: byte offset, and units with the lowest bit for the width. */
  readonly table: number[] = []
  byteLength = 0

  idOf(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.#texts.length
    const isWide = /[^\0-\xff]/.test(text)
    if (isWide) this.byteLength += this.byteLength & 1
    this.#ids.set(text, id)
    this.#texts.push({ text, encoding: isWide ? 'utf16le' : 'latin1' })
    this.table.push(this.byteLength, text.length * 2 + (isWide ? 1 : 0))
    this.byteLength += isWide ? text.length * 2 : text.length
    return id
  }

  copyTo(bytes: Uint8Array): void {
    const target = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (const [id, { text, encoding }] of this.#texts.entries()) {
      target.write(text, this.table[id * 2] as number, encoding)
    }
  }
}
