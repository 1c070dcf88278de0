#!/usr/bin/env bash
# Benches run, and print one JSON document each that compares heddle with a peer. How fast is not asked.
set -euo pipefail
cd "$(dirname "$0")/.."
rows() {
  node -e '
    const { bench, rows } = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
    const sound = rows.every(({ heddle, peer, ratio }) => heddle > 0 && peer > 0 && ratio > 0)
    if (rows.length === 0 || !sound) throw new Error(`${bench}: no rows, or figures that are none`)
    console.log(`${bench}: ${rows.length} rows`)'
}
node bench/run.mjs memory --json --rounds 1 --case 'allocate and free at once' | rows
node bench/run.mjs epoch --json --rounds 1 --case 'enter and leave, one thread' | rows
node bench/run.mjs readers --json --rounds 1 --case 'lines of 32 bytes, 64 at a time' | rows
node bench/run.mjs sharedmap --json --rounds 1 --seconds 0.2 --case 'get a number, one isolate, 64' | rows
node bench/run.mjs timers --json --rounds 1 --case lateness | rows
node bench/run.mjs aco --json --rounds 1 --case 'the same coroutine again' | rows
node bench/run.mjs aco-echo --json --rounds 1 --seconds 0.3 | rows
node bench/run.mjs jobq --json --rounds 1 --seconds 0.2 --case 'an empty native job, 16' | rows
