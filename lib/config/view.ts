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
  /** The common query that was made last, and the places of its binding: most ask the same again, or for another domain. */
  #lastBinding: string | undefined
  #byDomain: Map<string | undefined, Place> | undefined
  #lastDomain: string | undefined
  #last: Place | undefined

  constructor(source: Source) {
    this.source = source
    this.top = new Place(source, new Map())
  }

  /** No allocation when the query was seen before and names no more than binding and domain. */
  place(query: ConfigQuery | undefined): Place {
    if (query === undefined) return this.top
    if (!isCommon(query)) return this.#other(instancesOf(query))
    // Read once: what is remembered under a name is what that name means.
    const { binding, domain } = query
    if (binding !== this.#lastBinding || this.#byDomain === undefined) {
      this.#byDomain = this.#common.get(binding)
      this.#lastBinding = binding
      this.#last = undefined
    } else if (this.#last !== undefined && domain === this.#lastDomain) return this.#last
    const place = this.#byDomain?.get(domain) ?? this.#make(query, binding, domain)
    this.#lastDomain = domain
    this.#last = place
    return place
  }

  #make(query: ConfigQuery, binding: string | undefined, domain: string | undefined): Place {
    const instances = instancesOf({ ...query, binding, domain })
    const place = instances.size === 0 ? this.top : new Place(this.source, instances)
    // Those that are too long are not worth being remembered.
    if (instances.size < Number(binding !== undefined) + Number(domain !== undefined)) return place
    this.#makeRoom()
    this.#byDomain = this.#common.get(binding) ?? new Map<string | undefined, Place>()
    this.#common.set(binding, this.#byDomain.set(domain, place))
    return place
  }

  #other(instances: ReadonlyMap<string, string>): Place {
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
    this.#byDomain = undefined
    this.#others.clear()
    this.#count = 1
  }
}

/** It names no more than binding and domain. What is no query at all is none of these either. */
function isCommon(query: ConfigQuery): boolean {
  return (
    typeof query === 'object' &&
    query !== null &&
    query.host === undefined &&
    query.pathway === undefined &&
    query.bindingGroup === undefined &&
    query.instance === undefined &&
    query.scopes === undefined
  )
}
