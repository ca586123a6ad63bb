#!/bin/sh
# Renews the engine's lock files from configs/engine/requirements.in: versions and hashes for every platform and every
# Python from 3.10 on. The files name packages only, no index and no path. Run it on purpose, then run the tests: an
# engine's new version may list or answer otherwise.
set -eu

cd "$(dirname "$0")/../configs/engine"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv

lock() {
	"$tools/bin/uv" pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-strip-extras \
		--no-header --no-annotate --upgrade "$1" -o "$tools/lock"
	{
		echo "# Written by scripts/lock.sh; do not edit."
		cat "$tools/lock"
	} >"$2"
}

lock requirements.in requirements.txt
echo setuptools >"$tools/build.in" # builds the one package that comes without a wheel
lock "$tools/build.in" build-requirements.txt
