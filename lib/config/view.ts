/** All places of one generation in one isolate, each made when it is first asked for. */
import { Place } from './place'
import { type ConfigQuery, instancesOf } from './query'
import type { Source } from './source'

/** Queries that are remembered; strangers may ask for any number of domains. */
const MAX_PLACES = 4096

export class View {
  readonly source: Source
  /** What a query sees that names nothing. */
  readonly top: Place
  readonly #common = new Map<string | undefined, Map<string | undefined, Place>>()
  readonly #others = new Map<string, Place>()
  #count = 0

  constructor(source: Source) {
    this.source = source
    this.top = new Place(source, new Map())
  }

  /** No allocation when the query was seen before and names no more than binding and domain. */
  place(query: ConfigQuery | undefined): Place {
    if (query === undefined) return this.top
    const known = this.#common.get(query.binding)?.get(query.domain)
    if (known !== undefined && isCommon(query)) return known
    return this.#make(query)
  }

  #make(query: ConfigQuery): Place {
    const instances = instancesOf(query)
    if (isCommon(query)) {
      const place = this.#count === 0 && instances.size === 0 ? this.top : new Place(this.source, instances)
      this.#makeRoom()
      const { binding, domain } = query
      const byDomain = this.#common.get(binding) ?? new Map<string | undefined, Place>()
      this.#common.set(binding, byDomain.set(domain, place))
      return place
    }
    const key = JSON.stringify([...instances].sort())
    const known = this.#others.get(key)
    if (known !== undefined) return known
    const place = new Place(this.source, instances)
    this.#makeRoom()
    this.#others.set(key, place)
    return place
  }

  #makeRoom(): void {
    if (this.#count++ < MAX_PLACES) return
    this.#common.clear()
    this.#others.clear()
    this.#count = 1
  }
}

function isCommon({ host, pathway, bindingGroup, instance, scopes }: ConfigQuery): boolean {
  return (
    host === undefined &&
    pathway === undefined &&
    bindingGroup === undefined &&
    instance === undefined &&
    scopes === undefined
  )
}
