import { In } from '../protocol'
import { errno } from './errno'
import type { Inbox } from './inbox'

/** Bytes of one post, and of all posts that wait in one loop, at most. */
export const MAX_POST_BYTES = 65536
const MAX_WAITING_BYTES = 16 << 20
const MAX_WAITING = 1 << 20

type Item = { handle: number; mask: number; bytes?: undefined } | { bytes: Uint8Array }

/** Triggers and posts that wait for the next pass, in the order in which they came. */
export class Triggers {
  #items: Item[] = []
  #head = 0
  #posts = 0
  #bytes = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  /** Posts that wait, and their bytes. */
  get posts(): number {
    return this.#posts
  }

  get postedBytes(): number {
    return this.#bytes
  }

  trigger(handle: number, mask: number): void {
    this.#items.push({ handle, mask })
  }

  /** 0, or a negative errno when the loop has not kept up. The bytes are the queue's from now on. */
  post(bytes: Uint8Array): number {
    if (bytes.length > MAX_POST_BYTES) return -errno.EMSGSIZE
    if (this.size >= MAX_WAITING || this.#bytes + bytes.length > MAX_WAITING_BYTES) return -errno.ENOBUFS
    this.#posts++
    this.#bytes += bytes.length
    this.#items.push({ bytes })
    return 0
  }

  /** Reports what was waiting when the pass began. */
  collect(inbox: Inbox): void {
    while (this.#head < this.#items.length) {
      const item = this.#items[this.#head] as Item
      if (!this.#write(inbox, item)) return
      this.#head++
    }
    this.#items = []
    this.#head = 0
  }

  #write(inbox: Inbox, item: Item): boolean {
    if (item.bytes === undefined) return inbox.push2(In.TRIGGER, item.handle, item.mask)
    if (!inbox.hasRoom(3, item.bytes.length)) return false
    this.#posts--
    this.#bytes -= item.bytes.length
    return inbox.push2(In.POST, inbox.put(item.bytes), item.bytes.length)
  }
}
