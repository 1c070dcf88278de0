import { HeddleError } from '../errors'
import { type CoroutineSection, safe, type Section, SmrError } from '../memory'

/**
 * The section of safe memory of one coroutine, made when it first asks for one. Its levels stay open while the coroutine
 * waits, and never mix with those of the isolate or of another coroutine. (AC-30)
 */
export class OwnSection {
  #section: CoroutineSection | undefined
  #open = 0

  begin(): AcoSection {
    this.#section ??= safe.makeSection()
    const level = safe.withSection(this.#section, () => safe.section())
    this.#open++
    return new AcoSection(this, level)
  }

  /** @internal */
  end(level: Section): void {
    const section = this.#section
    if (section === undefined) throw new HeddleError('ERR_CLOSED', 'the coroutine of the section has ended')
    safe.withSection(section, () => level.end())
    this.#open--
  }

  /** The coroutine ends: so do its levels. The error to report if there were any. */
  close(name: string): SmrError | undefined {
    this.#section?.[Symbol.dispose]()
    this.#section = undefined
    if (this.#open === 0) return undefined
    const levels = this.#open === 1 ? 'a section' : `${this.#open} levels of section`
    return new SmrError('ERR_SMR_SECTION_LEAK', `${name} ended inside ${levels}`)
  }
}

/** One level of a coroutine's section: protects until it ends, also while the coroutine waits. (AC-30) */
export class AcoSection implements Disposable {
  readonly #own: OwnSection
  readonly #level: Section
  #isOpen = true

  /** @internal */
  constructor(own: OwnSection, level: Section) {
    this.#own = own
    this.#level = level
  }

  /** ERR_SMR_UNBALANCED: it has ended already. ERR_CLOSED: its coroutine has. */
  end(): void {
    if (!this.#isOpen) throw new SmrError('ERR_SMR_UNBALANCED', 'the section has ended already')
    this.#own.end(this.#level)
    this.#isOpen = false
  }

  /** Ends it unless that has been done. */
  [Symbol.dispose](): void {
    if (this.#isOpen) this.end()
  }
}
