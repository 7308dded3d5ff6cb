#!/bin/bash
# pack.sh DIR [SET...]: copies what fetch.sh has fetched for the VM, and the sets
# named, to DIR/programs. No node_exporter, HAProxy and workerd: an emulated CPU
# takes too long for them.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
programs=$("$here/fetch.sh")
dir=$1
shift
[ $# = 0 ] || "$here/fetch.sh" "$@" >/dev/null
rm -rf "$dir" && mkdir -p "$dir/programs"
cp "$here/compare.sh" "$dir/programs"
for set in bookworm bullseye compiled "$@"; do
	[ -d "$programs/$set" ] || continue
	(cd "$programs" && find "$set" -xtype f | grep -vE 'gconv|locale|node-exporter|\.a$|/(localedef|ldconfig)$' |
		cpio --quiet -pdmL "$dir/programs")
done
