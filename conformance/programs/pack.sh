#!/bin/bash
# pack.sh DIR: copies what fetch.sh has fetched for the VM to DIR/programs. No
# node_exporter, HAProxy and workerd: an emulated CPU takes too long for them.
set -euo pipefail
programs=$("$(dirname "${BASH_SOURCE[0]}")/fetch.sh")
rm -rf "$1" && mkdir -p "$1/programs"
for set in bookworm bullseye compiled; do
	[ -d "$programs/$set" ] || continue
	(cd "$programs" && find "$set" -xtype f | grep -vE 'gconv|locale|node-exporter|\.a$|/(localedef|ldconfig)$' |
		cpio --quiet -pdmL "$1/programs")
done
