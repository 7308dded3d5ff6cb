#!/bin/bash
# run.sh [--mem MB] [--cpus N] [--numa NODES] [--cgroup v1|v2] [--timeout SEC]
#        [--parallel] [--add DIR] [--module NAME]... [--tap NAME] [--disk FILE] -- CMD ARGS…
# Runs CMD as root in a VM (emulated CPUs: no KVM, no root needed) that has only
# cgroup v2, or only v1, with bin/podview at /usr/bin/podview, bin/asker.* beside
# it and, if the variable CONFORMANCE_TEST names a file, that file at
# /conformance.test.
# --numa deals the CPUs and the memory out to that many NUMA nodes.
# --parallel gives each of the guest's CPUs a thread, see boot.
# --add copies the files below DIR, and what links there point to, into the
# guest's root; --module loads a kernel module; --tap connects the guest's eth0
# to a tap device that exists; --disk makes a file /dev/vda. VM_DIR is where the initramfs is put, .cache if
# unset.
# The guest's console is stdout. Exit status: CMD's; 124 after the timeout;
# 125 when the guest died or could not be made.
#
# run.sh --check: exits 0 when this machine can run it, else says what it lacks.
set -euo pipefail
vm=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$vm/../.." && pwd)
mem=1024 cpus=2 cgroup=v2 seconds=300 threads=single add='' nodes=0 numa=() modules=() network=() disk=()

fail() { echo "vm: $*" >&2; exit 125; }

check() {
	local program missing=()
	for program in qemu-system-x86_64 cpio busybox free lscpu setpriv; do
		type -P "$program" >/dev/null || missing+=("$program")
	done
	[ -x /usr/bin/python3 ] || missing+=(/usr/bin/python3)
	[ ${#missing[@]} = 0 ] || fail "not installed: ${missing[*]}"
	"$vm/kernel.sh" >/dev/null || exit 125
}

# payload DIR writes what this run adds, as a second archive that the kernel
# unpacks over the first.
payload() {
	install -D -m 755 "$checkout/bin/podview" "$1/usr/bin/podview" || fail "no bin/podview (run make build)"
	[ ! -x "$checkout/bin/podview-nri" ] || install -m 755 "$checkout/bin/podview-nri" "$1/usr/bin/podview-nri"
	[ ! -x "$checkout/bin/podview.earlier" ] || install -m 755 "$checkout/bin/podview.earlier" "$1/usr/bin/podview.earlier"
	[ ! -x "$checkout/bin/asker.amd64" ] || install -m 755 "$checkout"/bin/asker.* "$1/usr/bin/"
	[ -z "${CONFORMANCE_TEST:-}" ] || install -m 755 "$CONFORMANCE_TEST" "$1/conformance.test"
	install -m 644 "$checkout/kustomize/daemonset/daemonset.yaml" "$1/daemonset.yaml"
	[ -z "$add" ] || cp -rL "$add/." "$1/"
	{ printf 'PODVIEW=/usr/bin/podview DAEMONSET=/daemonset.yaml SCRATCH_DISK=/dev/zram1 exec'; printf ' %q' "${command[@]}"; } >"$1/command"
	(cd "$1" && find . | cpio --quiet -o -H newc -R 0:0)
}

# deal_out sets qemu's options for $nodes NUMA nodes.
deal_out() {
	local node cpus_each=$((cpus / nodes)) mem_each=$((mem / nodes))
	[ $((cpus_each * nodes)) = "$cpus" ] && [ $((mem_each * nodes)) = "$mem" ] ||
		fail "$cpus CPUs and $mem MB are not the same for $nodes nodes"
	for ((node = 0; node < nodes; node++)); do
		numa+=(-object "memory-backend-ram,id=node$node,size=${mem_each}M"
			-numa "node,nodeid=$node,memdev=node$node,cpus=$((node * cpus_each))-$(((node + 1) * cpus_each - 1))")
	done
}

# boot KERNEL_DIR INITRAMFS STATUS_FILE
# Emulation under load makes the guest's TSC run away, minutes in a second: the
# clock is the HPET, and the watchdogs that compare clocks are off.
# setpriv takes qemu along when this script is killed, even by SIGKILL.
# The guest's CPUs take turns on one thread. With one each, qemu 7.2 now and then
# goes on running what it translated from a place that another CPU has since
# changed: a breakpoint where the kernel patches itself, which attaching a BPF
# program does. The CPU then loops there for ever.
# When the time is up, an NMI makes the kernel tell what all tasks wait for.
boot() {
	mkfifo "$work"/monitor.{in,out} "$work/silence"
	{
		read -rt "$seconds" <>"$work/silence" || : # a sleep that ends with this shell
		: >"$work/hangs"
		echo nmi >"$work/monitor.in"
	} &>/dev/null &
	watchdog=$!
	setpriv --pdeathsig TERM timeout --foreground -k 5 "$((seconds + 60))" \
		qemu-system-x86_64 -accel "tcg,thread=$threads" -machine q35 -cpu max -smp "$cpus" -m "$mem" "${numa[@]}" \
		-kernel "$1"/boot/vmlinuz-* -initrd "$2" \
		-nodefaults -no-user-config -display none -no-reboot \
		-serial stdio -serial "file:$3" "${network[@]}" "${disk[@]}" \
		-chardev "pipe,id=monitor,path=$work/monitor" -mon monitor \
		-append "console=ttyS0 quiet loglevel=3 panic=-1 psi=1 mitigations=off random.trust_cpu=on tsc=unstable clocksource=hpet nowatchdog no_timer_check unknown_nmi_panic panic_print=1 podview.cgroup=$cgroup" \
		</dev/null &
	qemu=$!
	wait "$qemu"
}

while [ $# -gt 0 ]; do
	case $1 in
	--check) check; exit 0 ;;
	--mem) mem=${2:?}; shift 2 ;;
	--cpus) cpus=${2:?}; shift 2 ;;
	--numa) nodes=${2:?}; shift 2 ;;
	--cgroup) cgroup=${2:?}; shift 2 ;;
	--timeout) seconds=${2:?}; shift 2 ;;
	--parallel) threads=multi; shift ;;
	--add) add=${2:?}; shift 2 ;;
	--module) modules+=("${2:?}"); shift 2 ;;
	--tap)
		network=(-netdev "tap,id=tap,ifname=${2:?},script=no,downscript=no" -device "virtio-net-pci,netdev=tap,romfile=")
		modules+=(virtio_pci virtio_net)
		shift 2
		;;
	--disk)
		disk=(-drive "file=${2:?},if=virtio,format=raw,cache=unsafe")
		modules+=(virtio_pci virtio_blk)
		shift 2
		;;
	--) shift; break ;;
	*) fail "unknown argument '$1' (see the head of run.sh)" ;;
	esac
done
[ $# -gt 0 ] || fail "no command (see the head of run.sh)"
command=("$@")
[ "$nodes" = 0 ] || deal_out
check
mkdir -p "$checkout/.cache"
work=$(mktemp -d "${VM_DIR:-$checkout/.cache}/vm.XXXXXX") qemu='' watchdog=''
trap 'kill $qemu $watchdog 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

kernel=$("$vm/kernel.sh") || exit 125
"$vm/initramfs.sh" "$kernel" "${modules[@]}" >"$work/initramfs.cpio" || exit 125
payload "$work/payload" >>"$work/initramfs.cpio"

boot "$kernel" "$work/initramfs.cpio" "$work/status" || : # the guest's status counts
[ ! -e "$work/hangs" ] || { echo "vm: no end after $seconds s" >&2; exit 124; }
exit "$(grep -xE '[0-9]+' "$work/status" || echo 125)"
