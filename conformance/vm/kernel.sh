#!/bin/bash
# kernel.sh: prints the directory of an unpacked Debian cloud kernel, fetched
# once into .cache/kernel. Needs apt's package lists and a mirror the first
# time, no root, and nothing after that.
set -euo pipefail
cache=$(cd "$(dirname "$0")/../.." && pwd)/.cache

fail() { echo "vm kernel: $*" >&2; exit 1; }

cached() { ls -d "$cache"/kernel/boot/vmlinuz-* >/dev/null 2>&1; }

fetch() {
	# A tested kernel must not change under a checkout by itself: remove
	# .cache/kernel to get Debian's current one.
	local package work=$cache/kernel.new
	rm -rf "$work"
	mkdir -p "$work"
	# The metapackage is empty; its first dependency is the real kernel.
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
	[ -n "$package" ] || fail "apt does not know linux-image-cloud-amd64 (run apt-get update)"
	echo "vm kernel: downloading $package" >&2
	(cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$package") ||
		fail "cannot download $package"
	dpkg -x "$work"/linux-image-*.deb "$work"
	rm "$work"/linux-image-*.deb
	rm -rf "$cache/kernel"
	mv "$work" "$cache/kernel"
}

[ "$(uname -m)" = x86_64 ] || fail "the test VM is made for x86_64, this is $(uname -m)"
cached || fetch
echo "$cache/kernel"
