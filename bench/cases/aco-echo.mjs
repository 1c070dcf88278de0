import { runEcho } from './tcp.mjs'

export const name = 'aco-echo'
export const describe =
  'TCP echo of 64 bytes: coroutines beside callbacks and an async iterator over node:net'

/** Callbacks; coroutines over connections and over descriptor events; `for await` over sockets of Node. */
const CONTESTANTS = ['heddle', 'heddle-aco', 'heddle-aco-fd', 'node-iterator']

const CASES = [{ name: '64 B', bytes: 64 }]

/** Yields one result. */
export function run(options) {
  return runEcho(CONTESTANTS, CASES, options)
}
