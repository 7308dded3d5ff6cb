#!/bin/sh
# What programs say on this machine, and in two containers that podview demo
# makes: "make demo". Exits 0 only if every podview run did.
set -u
export LC_ALL=C # "Mem:", not "Speicher:"
cd "$(dirname "$0")/.." || exit 1
podview=${PODVIEW:-bin/podview}

if [ "$(id -u)" != 0 ]; then
	echo "demo: needs root, to make cgroups and mounts: sudo make demo" >&2
	exit 1
fi
if [ ! -x "$podview" ]; then
	echo "demo: no $podview: make build" >&2
	exit 1
fi

installed() { command -v "$1" >/dev/null 2>&1; }

if ! { installed free && installed top && installed lscpu; } && [ -e /etc/debian_version ]; then
	echo "Installing free, top and lscpu (procps, util-linux) ..."
	{ apt-get update -qq && apt-get install -y -qq procps util-linux; } >/dev/null 2>&1 ||
		echo "apt-get failed; going on without."
fi

failed=0

# run WHERE COMMAND...: runs it on the host or in a container. What it says is
# in the variable output: $(run ...) would lose what happens to failed.
run() {
	case $1 in
	host) shift ;;
	small) shift && set -- "$podview" demo --memory 128Mi --cpus 500m -- "$@" ;;
	large) shift && set -- "$podview" demo --memory 256Mi --cpus 1 -- "$@" ;;
	esac
	output=$("$@" 2>&1)
	code=$?
	if [ $code != 0 ]; then
		failed=1
		printf 'demo: exit code %s: %s\n%s\n' $code "$*" "$output" >&2
		output="(failed: $code)"
	fi
}

# row FILTER TITLE COMMAND...: one line of a table. FILTER picks the figure
# out of the output.
row() {
	filter=$1 title=$2
	shift 2
	if ! installed "$1"; then
		printf '%-32s | (not installed)\n' "$title"
		return
	fi
	run host "$@"
	host=$(printf '%s\n' "$output" | $filter)
	run small "$@"
	small=$(printf '%s\n' "$output" | $filter)
	run large "$@"
	large=$(printf '%s\n' "$output" | $filter)
	printf '%-32s | %-13s | %-13s | %s\n' "$title" "$host" "$small" "$large"
}

header() {
	printf '\n%-32s | %-13s | %-13s | %s\n' "$1" host 128Mi/500m 256Mi/1
	echo '---------------------------------+---------------+---------------+-------------'
}

cpus_line() { sed -n 's/^CPU(s): *//p'; }
mem_total() { awk '/^Mem:/ { print $2 " MiB" }'; }
# "up 2 days, 5 hours, 1 minute" is too long for a column.
short_uptime() { sed -E 's/^up //; s/ ([a-z])[a-z]*,?/\1/g'; }

header asked
row cat 'grep -c ^processor /proc/cpuinfo' grep -c ^processor /proc/cpuinfo
row cpus_line "lscpu: CPU(s)" lscpu
row cat 'getconf _NPROCESSORS_ONLN' getconf _NPROCESSORS_ONLN
row cat 'python3: os.cpu_count()' python3 -c 'import os; print(os.cpu_count())'
row mem_total 'free -m: Mem total' free -m
row short_uptime 'uptime -p' uptime -p

# heads LINES COMMAND...: the first lines of the output, one below the other.
heads() {
	lines=$1
	shift
	if ! installed "$1"; then
		printf '\n== %s: (not installed)\n' "$*"
		return
	fi
	for where in host small large; do
		case $where in
		host) title='on the host' ;;
		small) title='podview demo --memory 128Mi --cpus 500m --' ;;
		large) title='podview demo --memory 256Mi --cpus 1 --' ;;
		esac
		printf '\n== %s: %s\n' "$title" "$*"
		run $where "$@"
		printf '%s\n' "$output" | head -n "$lines"
	done
}

heads 3 free -m
heads 5 top -b -n 1 -w 80

header 'asks the kernel, not a file'
row cat nproc nproc
row cat 'nproc --all' nproc --all
row mem_total 'busybox free -m: Mem total' busybox free -m
cat <<'END'

No file can change what these programs are told. nproc before coreutils 9.8
asks sched_getaffinity(2), which knows a cpuset but no CPU limit. It is right in
the last column, where the container has a CPU of its own, as a Guaranteed pod
has under the kubelet's static CPU manager. nproc --all counts the CPUs that the
machine may ever have: the kernel's promise, which programs size arrays by.
busybox free, and sysconf for memory in glibc and musl, ask sysinfo(2), which
knows no container at all.
END
exit $failed
