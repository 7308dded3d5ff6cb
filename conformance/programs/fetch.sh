#!/bin/bash
# fetch.sh [SET...]: the programs that the tests of real programs run (those of
# all sets without lxcfs), unpacked and not installed, each set of one Debian
# suite with its own C library. Prints the directory, .cache/programs; below it
#
#   SET/run PROGRAM ARG...   runs usr/bin/… of that set by its own loader; PRELOAD
#                            names a library of the set
#   SET/packages             what was asked for, and the versions that came
#
# What cannot be had is told in a line, and its tests skip. A set is fetched
# again when its line below changes, or when it is removed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
programs=$checkout/.cache/programs

# SET SUITE PACKAGES
sets='
bookworm    bookworm libc6 libgcc-s1 numactl libnuma1 hwloc-nox libhwloc15 libtinfo6 libudev1 libomp5-14 libomp5-16 prometheus-node-exporter
bullseye    bullseye libc6 libc-bin
forky       forky    libc6 haproxy libcrypt1 libjemalloc2 liblua5.4-0 libopentracing-c-wrapper0t64 libopentracing1 libpcre2-8-0 libssl3t64 libzstd1 zlib1g libstdc++6 libgcc-s1
lxcfs-5.0.3 bookworm libc6 libgcc-s1 lxcfs libfuse3-3
lxcfs-6.0.4 trixie   libc6 libgcc-s1 lxcfs libfuse3-4
lxcfs-7.0.0 forky    libc6 libgcc-s1 lxcfs libfuse3-4
'
workerd=1.20261117.1

skip() { echo "SKIP: $*" >&2; return 1; }

# suite_apt SUITE COMMAND...: apt as on a machine of that suite on which nothing
# is installed. The machine's own lists stay as they are.
suite_apt() {
	local suite=$1 state=$programs/apt/$1
	shift
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$state/sources.list"
	apt-get -qq -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::Lists="$state/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$state/cache" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@" >&2
}

write_run() {
	cat >"$1/run" <<-'EOF'
		#!/bin/sh
		# run PROGRAM ARG...: see fetch.sh
		root=${0%/*} program=$1
		shift
		for loader in "$root"/lib/*/ld-linux*.so.* "$root"/usr/lib/*/ld-linux*.so.*; do [ -e "$loader" ] && break; done
		case $program in /*) ;; *) program=$root/$program ;; esac
		for dir in "$root"/lib/* "$root"/usr/lib/* "$root"/usr/lib/*/lxcfs; do path=$path${path:+:}$dir; done
		exec "$loader" ${PRELOAD:+--preload "$root/$PRELOAD"} --library-path "$path" "$program" "$@"
	EOF
	chmod +x "$1/run"
}

# debian SET SUITE PACKAGES...
debian() {
	local dir=$programs/$1 wanted="$*" suite=$2 name=$1
	shift 2
	[ "$(head -n 1 "$dir/packages" 2>/dev/null)" != "$wanted" ] || return 0
	command -v apt-get >/dev/null || { skip "$name: no apt-get: its programs cannot be had"; return; }
	rm -rf "$dir" "$dir.new" && mkdir -p "$dir.new/debs"
	suite_apt "$suite" update && (cd "$dir.new/debs" && suite_apt "$suite" download "$@") ||
		{ rm -rf "$dir.new"; skip "$name: Debian's $suite cannot be downloaded"; return; }
	for package in "$dir.new"/debs/*.deb; do dpkg -x "$package" "$dir.new" || return; done
	{ echo "$wanted"; ls "$dir.new/debs"; } >"$dir.new/packages"
	rm -rf "$dir.new"/{debs,usr/share,etc,var}
	write_run "$dir.new" && mv "$dir.new" "$dir"
}

# npm_workerd: a published program with Google's TCMalloc.
npm_workerd() {
	local dir=$programs/workerd
	[ "$(cat "$dir/packages" 2>/dev/null)" != "workerd $workerd" ] || return 0
	[ "$(uname -m)" = x86_64 ] || { skip "workerd: only for x86_64"; return; }
	command -v npm >/dev/null || { skip "workerd: no npm"; return; }
	rm -rf "$dir" "$dir.new" && mkdir -p "$dir.new"
	(cd "$dir.new" && npm pack --silent "@cloudflare/workerd-linux-64@$workerd" >&2 && tar xzf ./*.tgz --strip-components 1 && rm ./*.tgz) ||
		{ rm -rf "$dir.new"; skip "workerd: npm has no $workerd"; return; }
	echo "workerd $workerd" >"$dir.new/packages"
	mv "$dir.new" "$dir"
}

# compiled: a program that gcc makes parallel, with LLVM's library for gcc's.
compiled() {
	local program=$programs/compiled/openmp library=$programs/bookworm/usr/lib/llvm-14/lib/libomp.so.5
	[ ! "$program" -nt "$here/openmp.c" ] || [ ! "$program" -nt "$here/fetch.sh" ] || return 0
	[ -e "$library" ] || return 0 # told above
	mkdir -p "${program%/*}"
	gcc -O1 -fopenmp -c -o "$program.o" "$here/openmp.c" &&
		gcc -Wl,--allow-shlib-undefined -o "$program" "$program.o" "$library" && rm "$program.o" ||
		skip "libomp: no OpenMP compiler"
}

mkdir -p "$programs"
exec 9>"$programs/lock" && flock 9 # one at a time
while read -r name suite packages; do
	[ -n "$name" ] || continue
	if [ $# = 0 ]; then [[ $name != lxcfs-* ]] || continue; else [[ " $* " = *" $name "* ]] || continue; fi
	debian "$name" "$suite" $packages
done <<<"$sets"
[ $# -gt 0 ] || { npm_workerd; compiled; }
rm -rf "$programs/apt"
echo "$programs"
