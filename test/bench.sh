#!/usr/bin/env bash
# Every bench of bench/README.md runs, and prints a JSON document that compares heddle with a peer. How fast is not
# asked.
set -euo pipefail
cd "$(dirname "$0")/.."
ran=()

# bench <name> <option…>: what the options leave of it, once.
bench() {
  ran+=("$1")
  node bench/run.mjs "$@" --json --rounds 1 | node -e '
    const { bench, rows } = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
    const sound = rows.every(({ heddle, peer, ratio }) => heddle > 0 && peer > 0 && ratio > 0)
    if (rows.length === 0 || !sound) throw new Error(`${bench}: no rows, or figures that are none`)
    console.log(`${bench}: ${rows.length} rows`)'
}

bench http --seconds 0.2 --case '13 B answer, 64' --only heddle,node-http
bench tcp --seconds 0.2 --case '64 B' --only heddle,node-net
bench aco-echo --seconds 0.2
bench idle --case 'TCP, never used' --only heddle,c-epoll
bench timers --case lateness
bench memory --case 'allocate and free at once'
bench epoch --case 'enter and leave, one thread'
bench sharedmap --seconds 0.2 --case 'get a number, one isolate, 64'
bench aco --case 'the same coroutine again'
bench readers --case 'lines of 32 bytes, 64 at a time'
bench jobq --seconds 0.2 --case 'an empty native job, 1 thread, 16'
bench hooks --seconds 0.2 --case '3 providers, two arguments' --only heddle,tapable
bench config --seconds 0.2 --case 'get a value, three steps of fallback' --only heddle,convict
bench pools --seconds 0.2 --case '13 B answer' --only heddle,native-1,worker-1

sorted() { printf '%s\n' "$@" | sort; }
listed=$(sed -nE 's/.*npm run bench -- ([a-z|-]+) \[.*/\1/p' bench/README.md)
diff <(sorted "${ran[@]}") <(sorted ${listed//|/ }) || { echo 'bench/README.md names others'; exit 1; }
