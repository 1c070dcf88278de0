#!/usr/bin/env bash
# The addon under AddressSanitizer and UBSan inside stock Node. Builds it beside the test programs of that preset, out of
# the same objects, and runs what uses it most: the conformance suite and hostile clients, then workers that are
# terminated in rounds. Linux with g++; needs the headers of the running Node. Leaks are not looked for: V8 keeps what
# it likes until the end.
#
#   test/asan.sh [vitest filter…]
set -euo pipefail
cd "$(dirname "$0")/.."
readonly BUILD=build-native/asan-ubsan OUT=build-asan
node scripts/build.mjs --ts

headers=$(node -p "require('node:path').join(process.execPath, '../../include/node')")
[[ -f $headers/node_api.h ]] || { echo "no headers of Node in $headers"; exit 1; }
(cd native && cmake --preset asan-ubsan -B "../$BUILD" "-DHEDDLE_NODE_HEADERS=$headers")
cmake --build "$BUILD" --parallel "$(nproc)" --target heddle_addon

# Other programs do without: curl hangs at its start under a preloaded sanitizer.
mkdir -p "$OUT/bin"
printf '#!/bin/sh\nunset LD_PRELOAD\nexec "%s" "$@"\n' "$(command -v curl)" >"$OUT/bin/curl"
chmod +x "$OUT/bin/curl"
export PATH="$PWD/$OUT/bin:$PATH"

runtime=$(g++ -print-file-name=libasan.so)
# A report must fail the run even where a test expects its program to end badly. Tests ask for more memory than there
# is, and are to be refused as malloc refuses.
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:log_path=$PWD/$OUT/report"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$PWD/$OUT/report"
# malloc behind typed memory: each block has red zones then.
export HEDDLE_NATIVE="$PWD/$BUILD/heddle.node" HEDDLE_BACKEND=native HEDDLE_ALLOCATOR=system
rm -f "$OUT"/report.*
code=0

sanitized() {
  LD_PRELOAD="$runtime" "$@" || code=$?
}

vitest=(node node_modules/vitest/vitest.mjs run)
# The gate names what passed at the second try; a report of the sanitizer fails the run whatever passed.
[[ ${CI:-} != true ]] || vitest+=(--retry=1 --reporter=default --reporter=./test/flaky-reporter.ts)
if (($# > 0)); then
  sanitized "${vitest[@]}" --project native --project e2e --project lifecycle "$@"
else
  sanitized "${vitest[@]}" --project native
  sanitized "${vitest[@]}" --project e2e --testNamePattern 'native backend ones' hostile
  sanitized timeout 600 node --expose-gc test/lifecycle/programs/worker-rounds.mjs '{"rounds":5,"workers":4}'
fi

for report in "$OUT"/report.*; do
  [[ -f $report ]] || continue
  # A refused allocation is a warning.
  grep -qE 'ERROR: |runtime error: ' "$report" || continue
  code=1
  echo "== $report"
  cat "$report"
done
exit "$code"
