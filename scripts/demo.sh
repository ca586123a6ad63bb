#!/bin/sh
# Generates the demo shop and builds its dbt project into a DuckDB file.
#
#   scripts/demo.sh [DIRECTORY]            where it goes, var/demo by default; VENV names the engine's environment
#
# Leaves DIRECTORY/project (the dbt project as built, with target/semantic_manifest.json; both dbt and Steward read it
# there, so that the checkout stays clean) and DIRECTORY/shop.duckdb. A second run finds nothing changed and does
# nothing. Exit status: 0 ready, 3 the engine is not installed (scripts/engine.sh says why), 1 anything else.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
venv=${VENV:-$root/var/python}
if ! [ -x "$venv/bin/dbt" ]; then
	echo "demo: the engine is not installed; run scripts/engine.sh first" >&2
	exit 3
fi
exec "$venv/bin/python" -EsB "$root/scripts/demo.py" "${1:-$root/var/demo}"
