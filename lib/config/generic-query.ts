import { HeddleError } from '../errors'
import type { ConfigQuery } from './query'
import type { Scopes } from './scopes'

type Pair = string | readonly [string, string]

/** The query that pairs of scope and instance mean. @throws HeddleError EINVAL. (CF-23) */
export function genericQuery(
  scopes: Scopes,
  from: unknown,
  pairs: readonly Pair[] | null | undefined,
  rest: readonly string[],
): ConfigQuery {
  if (from !== null) throw refused('from is null')
  const isList = pairs !== null && pairs !== undefined
  if (isList && rest.length > 0) throw refused('pairs come as an array or as arguments, not both')
  const flat = isList ? flattened(pairs) : rest
  if (flat.length % 2 === 1) throw refused('each scope has an instance')
  const instances: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2) {
    const [name, instance] = [flat[i], flat[i + 1]]
    if (typeof name !== 'string' || typeof instance !== 'string')
      throw refused('scopes and instances are text')
    const scope = scopes.get(name)
    if (scope === undefined || scope.type === 'global') throw refused(`'${name}' is no scope with instances`)
    instances.push([scope.type, instance])
  }
  return { scopes: Object.fromEntries(instances) }
}

function flattened(pairs: unknown): unknown[] {
  if (!Array.isArray(pairs)) throw refused('pairs are an array')
  return pairs.flatMap((pair: unknown) => {
    if (!Array.isArray(pair)) return [pair]
    if (pair.length !== 2) throw refused('a pair is a scope and an instance')
    return pair
  })
}

function refused(rule: string): HeddleError {
  return new HeddleError('EINVAL', `fetchGeneric: ${rule}`, { syscall: 'fetchGeneric' })
}
