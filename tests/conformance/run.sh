#!/bin/sh
# Runs scenarios of the conformance suite against Steward as it stands: tests/conformance/run.sh SCENARIO...
# Without one it runs everything, as `make test` does.
set -eu
cd "$(dirname "$0")"
scenarios=$(echo "$*" | tr ' ' ',')
exec go test -count=1 -timeout 10m -v . -run 'ConformanceSuite' -args -scenario="$scenarios"
