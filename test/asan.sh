#!/usr/bin/env bash
# The addon under AddressSanitizer and UBSan inside stock Node. Builds it in build-asan/, beside the usual build, and
# runs what uses it most: the conformance suite and hostile clients, then workers that are terminated in rounds.
# Linux with g++; needs the headers of the running Node. Leaks are not looked for: V8 keeps what it likes until the end.
#
#   test/asan.sh [vitest filter…]
set -euo pipefail
cd "$(dirname "$0")/.."
readonly OUT=build-asan
CXX=${CXX:-g++}
readonly CXX
node scripts/build.mjs --ts

headers=$(node -p "require('node:path').join(process.execPath, '../../include/node')")
[[ -f $headers/node_api.h ]] || { echo "no headers of Node in $headers"; exit 1; }
flags=(
  -std=c++20 -O1 -g -fPIC -fno-exceptions -fno-rtti -fno-omit-frame-pointer -fsanitize=address,undefined
  -fno-sanitize-recover=undefined -DNAPI_VERSION=9 -DBUILDING_NODE_EXTENSION -iquote native -isystem "$headers"
)

mkdir -p "$OUT"
compile() {
  local source=$1 object
  object="$OUT/$(echo "${source#native/}" | tr / -).o"
  # Rebuilt when anything of the core is newer: a missing dependency would hide a bug.
  if [[ -f $object && -z $(find native -newer "$object" -name '*.[hc]*' -not -path 'native/test/*' -print -quit) ]]; then
    return 0
  fi
  "$CXX" "${flags[@]}" -c "$source" -o "$object"
}
export -f compile
declare -a sources
mapfile -t sources < <(find native -name '*.cc' -not -path 'native/test/*' -not -name poller_kqueue.cc | sort)
for source in "${sources[@]}"; do
  compile "$source" &
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n; done
done
while [[ -n $(jobs -rp) ]]; do wait -n; done
"$CXX" -shared -fsanitize=address,undefined -pthread -o "$OUT/heddle.node" "$OUT"/*.o

# Other programs do without: curl hangs at its start under a preloaded sanitizer.
mkdir -p "$OUT/bin"
printf '#!/bin/sh\nunset LD_PRELOAD\nexec "%s" "$@"\n' "$(command -v curl)" >"$OUT/bin/curl"
chmod +x "$OUT/bin/curl"
export PATH="$PWD/$OUT/bin:$PATH"

runtime=$("$CXX" -print-file-name=libasan.so)
# A report must fail the run even where a test expects its program to end badly. Tests ask for more memory than there
# is, and are to be refused as malloc refuses.
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:log_path=$PWD/$OUT/report"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$PWD/$OUT/report"
# malloc behind typed memory: each block has red zones then.
export HEDDLE_NATIVE="$PWD/$OUT/heddle.node" HEDDLE_BACKEND=native HEDDLE_ALLOCATOR=system
rm -f "$OUT"/report.*
code=0

sanitized() {
  LD_PRELOAD="$runtime" "$@" || code=$?
}

vitest=(node node_modules/vitest/vitest.mjs run)
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
