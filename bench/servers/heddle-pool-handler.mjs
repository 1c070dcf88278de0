import { HELLO } from './task.mjs'

let cells
let place

/** Each thread counts in a cell of its own. */
export function start({ data, index }) {
  cells = data
  place = index
}

export function hello(_req, res) {
  cells[place]++
  res.setHeader('Content-Type', 'text/plain').end(HELLO)
}
