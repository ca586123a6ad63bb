#!/bin/sh
# Runs a Go tool at the version that tools/go.mod pins: scripts/tool.sh NAME [ARGUMENT...]
# The binary is built once into var/bin and built again when the pins or the compiler change.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
name=$1
shift

key=$({ cat "$root/tools/go.mod" "$root/tools/go.sum"; go version; } | sha256sum | cut -c1-12)
binary="$root/var/bin/$name-$key"

if [ ! -x "$binary" ]; then
	package=$(cd "$root/tools" && go list tool | grep "/$name\$") || {
		echo "tool.sh: tools/go.mod has no tool named $name" >&2
		exit 2
	}
	echo "building $name (once, up to a few minutes)" >&2
	mkdir -p "$root/var/bin"
	(cd "$root/tools" && CGO_ENABLED=0 go build -trimpath -o "$binary.$$" "$package")
	rm -f "$root/var/bin/$name"-????????????
	mv "$binary.$$" "$binary"
fi
exec "$binary" "$@"
