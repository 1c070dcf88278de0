/** The contestants that `--only` leaves. Naming one that does not take part is an error, not an empty table. */
export function chosenContestants(all, only) {
  const unknown = only?.filter((name) => !all.includes(name)) ?? []
  if (unknown.length > 0)
    throw new Error(`no contestant named ${unknown.join(', ')}; there are ${all.join(', ')}`)
  return only ? all.filter((name) => only.includes(name)) : all
}

/** The cases whose name contains `text`. */
export function chosenCases(all, text) {
  const chosen = all.filter(({ name }) => name.includes(text))
  if (chosen.length > 0) return chosen
  throw new Error(`no case contains '${text}'; there are: ${all.map(({ name }) => name).join('; ')}`)
}
