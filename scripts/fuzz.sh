#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for the given time each: scripts/fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-10s}
said=$(mktemp)
trap 'rm -f "$said"' EXIT

fuzz() { go test -run '^$' -fuzz "^$1\$" -fuzztime "$each" "$2" </dev/null 2>&1 | tee "$said"; }

# Now and then go test takes the end of the time for a failure of what it fuzzes (golang/go#75804). A real one names its input, so the
# other is tried once more.
outOfTime() { grep -q 'context deadline exceeded' "$said" && ! grep -q 'Failing input' "$said"; }

grep -rlE '^func Fuzz' --include='*_test.go' internal cmd tests | sort | while read -r file; do
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r target; do
    package=./$(dirname "$file")
    echo "fuzz $target in $package for $each"
    fuzz "$target" "$package" || { outOfTime && fuzz "$target" "$package"; }
  done
done
