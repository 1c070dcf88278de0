/** The path of a request target: origin form, absolute form or `*`. */
export function pathOf(target: string): string {
  const start = target.charCodeAt(0) === 47 ? 0 : pathStart(target)
  const end = target.indexOf('?')
  if (end >= 0) return target.slice(start, end) || '/'
  return start === 0 ? target : target.slice(start) || '/'
}

/** What follows `?`, without it. */
export function queryOf(target: string): string {
  const at = target.indexOf('?')
  return at < 0 ? '' : target.slice(at + 1)
}

/** Where the path of `http://host/path` begins; 0 for other forms. */
function pathStart(target: string): number {
  const scheme = target.indexOf('://')
  if (scheme < 0) return 0
  const slash = target.indexOf('/', scheme + 3)
  if (slash >= 0) return slash
  const query = target.indexOf('?', scheme + 3)
  return query >= 0 ? query : target.length
}
