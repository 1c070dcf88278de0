import type { DraftStanza, DraftStatement } from './draft'
import type { Edit } from './edits'
import { appended, inserted, type NewLine, removal, replacement, unitOf } from './layout'
import type { LoadedFile } from './load'
import { printHead } from './print'

/** What has to be done to the text of each file so that it says what the draft says. */
export function editsOf(draft: DraftStanza, files: ReadonlyMap<string, LoadedFile>): Map<string, Edit[]> {
  return new Redraft(files).edits(draft)
}

class Redraft {
  readonly #files: ReadonlyMap<string, LoadedFile>
  readonly #edits = new Map<string, Edit[]>()

  constructor(files: ReadonlyMap<string, LoadedFile>) {
    this.#files = files
  }

  edits(draft: DraftStanza): Map<string, Edit[]> {
    this.#below(draft)
    for (const [file, lines] of newLines(draft)) {
      const text = this.#text(file)
      this.#add(file, appended(text, lines, this.#unit(file)))
    }
    return this.#edits
  }

  #below(stanza: DraftStanza): void {
    for (const node of stanza.body) {
      if (node.origin === undefined) continue
      const text = this.#text(node.file)
      if (node.removed) this.#add(node.file, removal(text, node.origin))
      else if (node.kind === 'stanza') this.#stanza(node, text)
      else if (node.value !== undefined)
        this.#add(node.file, replacement(text, node.origin.value, node.value))
    }
  }

  #stanza(stanza: DraftStanza, text: string): void {
    this.#below(stanza)
    const { file, origin } = stanza
    if (origin === undefined) return
    // New statements of a stanza are always in the file of its braces.
    const lines = newLines(stanza).get(file)
    if (lines !== undefined) this.#add(file, inserted(text, origin, lines, this.#unit(file)))
  }

  #add(file: string, edit: Edit): void {
    const edits = this.#edits.get(file)
    if (edits === undefined) this.#edits.set(file, [edit])
    else edits.push(edit)
  }

  #text(file: string): string {
    return this.#files.get(file)?.tree.text ?? ''
  }

  #unit(file: string): string {
    const loaded = this.#files.get(file)
    return unitOf(this.#text(file), loaded?.tree.body ?? [])
  }
}

/** What is new directly below a stanza, by file, in lines. */
function newLines({ body }: DraftStanza): Map<string, NewLine[]> {
  const byFile = new Map<string, NewLine[]>()
  for (const node of body) {
    if (node.origin !== undefined || node.removed) continue
    const lines = byFile.get(node.file) ?? []
    byFile.set(node.file, lines)
    addLines(lines, node, 0)
  }
  return byFile
}

function addLines(lines: NewLine[], node: DraftStatement, depth: number): void {
  if (node.removed) return
  if (node.kind === 'setting') {
    lines.push({ depth, text: `${node.name} = ${node.value}` })
    return
  }
  lines.push({ depth, text: `${printHead(node.name, node.instance)} {` })
  for (const inner of node.body) addLines(lines, inner, depth + 1)
  lines.push({ depth, text: '}' })
}
