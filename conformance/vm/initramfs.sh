#!/bin/bash
# initramfs.sh KERNEL_DIR [MODULE...] > FILE: an uncompressed initramfs with
# /init, the kernel modules the tests need and those named, and the programs
# whose answers they check: real ones of this machine, since busybox's free and
# nproc do not read /proc.
# Uncompressed, because gunzip in an emulated CPU takes longer than reading.
set -euo pipefail
vm=$(cd "$(dirname "$0")" && pwd)
kernel=$1

programs=(
	busybox sh bash grep getconf
	free top uptime vmstat ps pgrep      # procps
	nproc cat dd env head tail sleep ls  # coreutils
	lscpu nsenter unshare taskset        # util-linux
)
# lzo-rle is zram's compressor, which it would ask modprobe for.
modules=(fuse lzo-rle zram "${@:2}")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# add copies files to the same place in the guest, what links point to instead
# of the links.
add() { cp -L --parents --remove-destination -t "$root" "$@"; }

add_programs() {
	local files
	mapfile -t files < <(PATH=/usr/sbin:/usr/bin:/sbin:/bin type -P "${programs[@]}")
	[ ${#files[@]} = ${#programs[@]} ] || { echo "vm: some of these are not installed: ${programs[*]}" >&2; exit 1; }
	files+=(/usr/bin/python3)
	# ldd complains about static programs, which need nothing.
	# shellcheck disable=SC2046
	add "${files[@]}" $(ldd "${files[@]}" 2>/dev/null | grep -o '\s/[^ ]*' | sort -u)
}

# add_python takes what Debian calls the minimal standard library.
add_python() {
	local version files
	version=$(basename "$(readlink -f /usr/bin/python3)")
	mapfile -t files < <(dpkg -L "lib$version-minimal" | grep '^/usr/lib/python3.*\.py$')
	add "${files[@]}"
}

# add_module MODULE: after the modules it depends on, as depmod would find out.
add_module() {
	local source plain=$root/modules/$1.ko dependency
	[ ! -e "$plain" ] || return 0
	source=$(find "$kernel/lib/modules" -name "${1//[-_]/[-_]}.ko*" -print -quit)
	case $source in
	'') echo "vm: the kernel has no module $1" >&2; exit 1 ;;
	*.xz) busybox xzcat "$source" >"$plain" ;;
	*) cp "$source" "$plain" ;;
	esac
	for dependency in $(grep -aoz '^depends=.*' "$plain" | tr -d '\0' | sed 's/^depends=//; s/,/ /g'); do
		add_module "$dependency"
	done
	echo "$1" >>"$root/modules/order"
}

# The guest has /usr merged, as Debian has.
mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/lib64,etc,dev,proc,sys,tmp,run,root,mnt,var/lib,modules}
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
install -m 755 "$vm/init" "$root/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
# busybox is all that the programs above are not; they replace its links. It is
# not sh: busybox's runs its own free whatever the PATH says.
busybox --install -s "$root/usr/bin"
add_programs
add_python
# top -b wants a terminal description all the same.
add "$(dpkg -L ncurses-base | grep '/terminfo/d/dumb$')"
for module in "${modules[@]}"; do add_module "$module"; done
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0)
