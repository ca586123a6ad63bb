#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for the given time each: scripts/fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-10s}
grep -rlE '^func Fuzz' --include='*_test.go' internal cmd tests | sort | while read -r file; do
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r target; do
    echo "fuzz $target in $(dirname "$file") for $each"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" "./$(dirname "$file")" </dev/null
  done
done
