#!/bin/sh
# Finds PostgreSQL's server programs, for tests that start a server of their own, and prints their folder.
#
# POSTGRES_BIN names the folder to take. Otherwise the newest of Debian's, Homebrew's or PATH's is taken. Where there
# is none, root on Debian and Ubuntu gets the package installed, without a server of the machine being set up; anybody
# else is told what to install. Exit status: 0 found, 1 not.
set -eu

complete() { [ -x "$1/postgres" ] && [ -x "$1/initdb" ] && [ -x "$1/psql" ]; }

found() {
	if [ -n "${POSTGRES_BIN:-}" ]; then
		complete "$POSTGRES_BIN" && echo "$POSTGRES_BIN" && return 0
		echo "postgres: POSTGRES_BIN names $POSTGRES_BIN, which lacks postgres, initdb or psql" >&2
		return 2
	fi
	on_path=$(command -v postgres || true)
	for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin "${on_path%/postgres}"; do
		complete "$folder" && echo "$folder" && return 0
	done
	return 1
}

# Debian's package makes a server of the machine's own and starts it, unless this setting is there before it comes.
install() (
	setting=/etc/postgresql-common/createcluster.d/steward-tests.conf
	echo "postgres: installing the package postgresql with apt-get" >&2
	trap 'rm -f "$setting"' EXIT
	mkdir -p "${setting%/*}"
	echo "create_main_cluster = false" >"$setting"
	export DEBIAN_FRONTEND=noninteractive
	attempt() { said=$(apt-get install -y -qq --no-install-recommends postgresql 2>&1 </dev/null); }
	attempt || { apt-get update -qq >&2 && attempt; } || { echo "$said" >&2 && exit 1; }
)

status=0
found && exit 0 || status=$?
if [ "$status" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	# Two test programs may come here at once; the second one waits, and finds what the first has installed.
	var=$(cd "$(dirname "$0")/.." && pwd)/var
	mkdir -p "$var"
	exec 9>"$var/postgres.lock"
	flock 9
	found && exit 0
	install && found && exit 0
fi
[ "$status" = 2 ] || cat >&2 <<-EOF
	postgres: the tests on PostgreSQL need its server programs, and there are none.
	          Debian and Ubuntu: sudo apt-get install postgresql; macOS: brew install postgresql.
	          Elsewhere, POSTGRES_BIN=/folder/of/postgres says where they are.
EOF
exit 1
