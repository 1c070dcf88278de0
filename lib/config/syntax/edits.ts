/** A piece of a text and what takes its place. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text with all edits made. They may touch but not overlap; of two at one place the earlier given comes first. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end)
  const pieces: string[] = []
  let from = 0
  for (const { start, end, text: replacement } of sorted) {
    pieces.push(text.slice(from, start), replacement)
    from = end
  }
  return pieces.join('') + text.slice(from)
}
