#!/bin/sh
# Installs the metric engine, dbt with MetricFlow for DuckDB and PostgreSQL, into a private Python environment.
#
#   scripts/engine.sh [DIRECTORY]          the environment's folder, var/python by default
#
# Needs Python 3.10 to 3.14 with its venv module; BASE_PYTHON names an interpreter to prefer. What is installed is what
# configs/engine/requirements.txt pins, checked by hash. A second run finds the lock unchanged and does nothing.
# Exit status: 0 ready, 3 no suitable Python (Steward still starts, and lists metrics without it), 1 anything else.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
venv=${1:-$root/var/python}
locks="$root/configs/engine/build-requirements.txt $root/configs/engine/requirements.txt"

# shellcheck disable=SC2086 # two file names
if [ -x "$venv/bin/python" ] && cat $locks | cmp -s - "$venv/installed.txt"; then
	echo "engine: up to date in $venv"
	exit 0
fi

suitable() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Debian ships Python without what venv needs, in a package of its own.
install_venv() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
	echo "engine: installing the package python3-venv with apt-get"
	apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
}

python='' without_venv=''
for name in ${BASE_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 python3.14; do
	suitable "$name" || continue
	if has_venv "$name"; then
		python=$name
		break
	fi
	without_venv=${without_venv:-$name}
done

if [ -z "$python" ] && [ -n "$without_venv" ] && install_venv && has_venv "$without_venv"; then
	python=$without_venv
fi
if [ -z "$python" ] && [ -n "$without_venv" ]; then
	cat >&2 <<-EOF
		engine: $without_venv cannot make a private environment, because its venv module is missing.
		        Debian and Ubuntu have it as a package: sudo apt-get install python3-venv
	EOF
	exit 3
fi
if [ -z "$python" ]; then
	found=$(python3 --version 2>/dev/null || echo "no python3")
	cat >&2 <<-EOF
		engine: metric queries need Python 3.10 to 3.14; found: $found.
		        Install it (Debian and Ubuntu: sudo apt-get install python3 python3-venv; macOS: brew install python),
		        or name an interpreter: BASE_PYTHON=/path/to/python3.12 make engine
	EOF
	exit 3
fi

exec "$python" -EsB "$root/scripts/engine.py" "$venv"
