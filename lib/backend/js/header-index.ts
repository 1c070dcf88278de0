import { HEADER_SEARCH, HEADER_WORDS, INDEX_WORDS } from '../protocol'

/** The index of known headers as HTTP_REQUEST carries it, see INDEX_WORDS. */
export function headerIndex(headerWords: readonly number[]): Int32Array {
  const index = new Int32Array(INDEX_WORDS)
  const places = new Uint8Array(index.buffer)
  for (let at = 0; at < headerWords.length; at += HEADER_WORDS) {
    const id = (headerWords[at] as number) >>> 24
    const place = 1 + at / HEADER_WORDS
    places[id] = places[id] === 0 && place < HEADER_SEARCH ? place : HEADER_SEARCH
  }
  return index
}
