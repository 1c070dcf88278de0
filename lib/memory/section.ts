import type { SafeBackend } from '../backend/memory'
import { HeddleError, systemError } from '../errors'
import { SmrError } from './memory-error'

/**
 * The sections of this isolate: which is current, and how its levels end. Its own one is number 0; others are swapped
 * in by `withSection`.
 */
export class Sections {
  readonly #backend: SafeBackend
  #current = 0

  constructor(backend: SafeBackend) {
    this.#backend = backend
  }

  begin(): Section {
    this.enter()
    return new Section(this, this.#current)
  }

  enter(): void {
    this.#backend.enter()
  }

  /** Ends a level of the section it was begun in. */
  end(section: number): void {
    if (section !== this.#current) {
      throw new SmrError('ERR_SMR_UNBALANCED', 'a section is ended under another one than it was begun in')
    }
    if (this.#backend.leave() < 0) throw new SmrError('ERR_SMR_UNBALANCED', 'no section is open')
  }

  make(): CoroutineSection {
    const handle = this.#backend.makeSection()
    if (handle < 0) throw systemError(handle, 'makeSection')
    return new CoroutineSection(this, handle)
  }

  during<T>(handle: number, run: () => T): T {
    const before = this.#swap(handle)
    try {
      return run()
    } finally {
      this.#swap(before)
      this.#backend.letGo()
    }
  }

  drop(handle: number): number {
    if (handle === this.#current) {
      throw new SmrError('ERR_SMR_UNBALANCED', 'a section is disposed of while it is the current one')
    }
    return this.#backend.dropSection(handle)
  }

  #swap(handle: number): number {
    const before = this.#backend.swap(handle)
    if (before < 0) throw systemError(before, 'withSection')
    this.#current = handle
    return before
  }
}

/** Ends levels of a section, as they were begun. */
interface LevelOwner {
  end(section: number): void
}

/**
 * One level of a section: until it ends, nothing this isolate can see in shared memory is released. Keep it short and
 * end it in the same turn; while one is open, nothing anywhere is reclaimed. (SM-02)
 */
export class Section implements Disposable {
  readonly #owner: LevelOwner
  readonly #section: number
  #isOpen = true

  /** @internal */
  constructor(owner: LevelOwner, section: number) {
    this.#owner = owner
    this.#section = section
  }

  /** ERR_SMR_UNBALANCED: it has ended already, or another section is current than the one it was begun in. (SM-02) */
  end(): void {
    if (!this.#isOpen) throw new SmrError('ERR_SMR_UNBALANCED', 'the section has ended already')
    this.#owner.end(this.#section)
    this.#isOpen = false
  }

  /** Ends it unless that has been done. */
  [Symbol.dispose](): void {
    if (this.#isOpen) this.end()
  }
}

/**
 * A section of its own, for work that goes on in pieces: swapped in by `safe.withSection`, its levels never mix with
 * those of the isolate or of another one. While it has open levels it protects, swapped in or not. (SM-13)
 */
export class CoroutineSection implements Disposable {
  readonly #sections: Sections
  /** Undefined once it is disposed of. */
  #handle: number | undefined

  /** @internal */
  constructor(sections: Sections, handle: number) {
    this.#sections = sections
    this.#handle = handle
  }

  /** Opens a level without swapping the section in: it protects until it ends, whatever is current. ERR_CLOSED. */
  begin(): Section {
    const handle = this.handle
    this.#sections.during(handle, () => this.#sections.enter())
    return new Section(this, handle)
  }

  /** @internal A level of `begin` ends. */
  end(section: number): void {
    this.#sections.during(this.handle, () => this.#sections.end(section))
  }

  /** Ends what levels are open, and the section with them. ERR_SMR_UNBALANCED while it is current. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal The same; how many levels were open. */
  close(): number {
    if (this.#handle === undefined) return 0
    const levels = this.#sections.drop(this.#handle)
    this.#handle = undefined
    return levels
  }

  /** @internal */
  get handle(): number {
    if (this.#handle !== undefined) return this.#handle
    throw new HeddleError('ERR_CLOSED', 'the section has been disposed of')
  }
}
