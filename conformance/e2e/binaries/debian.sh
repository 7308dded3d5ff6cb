#!/bin/bash
# debian.sh: the container runtimes of Debian, unpacked and not installed, and
# prints the directory. Exits 1 where they cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
packages="containerd runc crun libyajl2"
dir=$PWD/.cache/e2e-bin/debian-2-$(dpkg --print-architecture) # raise it with this script
if [ ! -d "$dir" ]; then
	rm -rf "$dir.new" && mkdir -p "$dir.new/packages" && cd "$dir.new/packages"
	apt-get -qq download $packages >&2
	for package in *.deb; do dpkg -x "$package" ..; done
	cd .. && rm -rf packages
	# crun needs a library that is not installed either.
	mv usr/bin/crun usr/bin/crun.debian
	cat >usr/bin/crun <<-EOF
		#!/bin/sh
		LD_LIBRARY_PATH=\${0%/*}/../../$(dirname usr/lib/*/libyajl.so.2) exec \${0%/*}/crun.debian "\$@"
	EOF
	chmod +x usr/bin/crun
	mv "$dir.new" "$dir"
fi
echo "$dir"
