package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// realProgram is a row: what a public report names, in containers. Whatever
// runs without a view must run with it (exit code 0), and tell the container's
// figures.
type realProgram struct {
	name   string
	source string // the public report, or what it is about
	cases  []kindOfLimit
	run    func(t *testing.T, c *container) Output
	right  func(r ran) error // nil asks for the exit code only
}

var realPrograms = []realProgram{
	{"CPU numbers", "open-mpi/hwloc#400, lxc/lxcfs#731", allKinds, script(cpuNumbers), cpuNumbersAgree},
	{"getcpu within possible", "google/tcmalloc#188, #245", cpuKinds, getcpuOutside, nothingOutside},
	{"BPF per-CPU map", "sched-ext/scx#1749, trailofbits/ebpf-common#40, javierhonduco/lightswitch#39", cpuKinds, perCPUMap, nothingOutside},
	{"TCMalloc, workerd", "docker-library/mongo#723, ClickHouse/ClickHouse#118912, #32806", cpuKinds, workerd, nil},
	{"libomp 14", "llvm/llvm-project#137136, lipku/LiveTalking#70", allKinds, libomp("14", ""), nil},
	{"libomp 16", "llvm/llvm-project#137136", allKinds, libomp("16", ""), nil},
	// With a quota it stops, by choice: it asserts that cpuinfo has all CPUs of
	// the mask.
	{"libomp 14 by cpuinfo", "llvm/llvm-project#137136", cpuKinds[:1], libomp("14", "cpuinfo"), nil},
	{"libomp 16 by cpuinfo", "llvm/llvm-project#137136", cpuKinds[:1], libomp("16", "cpuinfo"), nil},
	{"lstopo", "open-mpi/hwloc#400, pika-org/pika#1251", allKinds, debian("bookworm", `$RUN usr/bin/lstopo-no-graphics --no-io --no-caches --of console`), cpusAsOnline(`PU L#\d+ \(P#(\d+)`)},
	{"hwloc-bind core:0", "open-mpi/hwloc#400", cpuKinds, debian("bookworm", `$RUN usr/bin/hwloc-bind core:0 -- true`), nil},
	{"numactl --show", "cpu argument out of range, in cpusets", allKinds, debian("bookworm", `$RUN usr/bin/numactl --show`), numactlShow},
	{"numactl -H", "cpu argument out of range, in cpusets", allKinds, debian("bookworm", `$RUN usr/bin/numactl -H`), cpusAsOnline(`(?m)^node \d+ cpus: *(.*)$`)},
	{"numactl -N -m", "cpu argument out of range, in cpusets", allKinds, debian("bookworm", numactlBind), nil},
	{"numactl -C", "cpu argument out of range, in cpusets", cpuKinds, debian("bookworm", `$RUN usr/bin/numactl -C $(awk '/^Cpus_allowed_list/{print $2}' /proc/self/status) true`), nil},
	{"HAProxy 3.2's threads", "haproxy/haproxy#3103, #2713", cpuKinds, haproxy, cpusAsOnline(`(?m)^ +1/1.* (\S+)$`)},
	{"pins itself to what is on line", "haproxy/haproxy#3103, #2713", allKinds, script(`taskset -c "$(cat /sys/devices/system/cpu/online)" grep ^Cpus_allowed_list /proc/self/status`), cpusAsOnline(`Cpus_allowed_list:\s*(\S+)`)},
	{"lscpu", "lxc/lxcfs#731", allKinds, script(`lscpu`), lscpuCounts},
	{"glibc 2.31's configured CPUs", "_NPROCESSORS_CONF: it counts the directories cpuN", allKinds, debian("bullseye", `$RUN usr/bin/getconf _NPROCESSORS_CONF`), says(func(r ran) string { return fmt.Sprintln(len(r.node.possible)) })},
	{"glibc 2.31's CPUs on line", "_NPROCESSORS_ONLN: it reads what is on line", allKinds, debian("bullseye", `$RUN usr/bin/getconf _NPROCESSORS_ONLN`), says(func(r ran) string { return fmt.Sprintln(r.cpus()) })},
	{"files of the NUMA nodes", "lxc/lxcfs#542, #632", allKinds, script(nodeFiles), allThatTheKernelHas},
	{"numastat", "lxc/lxcfs#542, #632", allKinds, debian("bookworm", `$RUN usr/bin/numastat`), nil},
	{"numastat -m", "lxc/lxcfs#542, #632", allKinds, debian("bookworm", `$RUN usr/bin/numastat -m`), numastatTotal},
	{"node_exporter's nodes", "lxc/lxcfs#542", allKinds, nodeExporter, numaTotal},
	// Elsewhere they are wrong, see docs/ages.md.
	{"ps -o etimes in a time namespace", "lxc/lxcfs#164, #444, canonical/lxd#3517", cpuKinds[1:], inTimeNamespace(psAge), nil},
	{"pgrep --older in a time namespace", "lxc/lxcfs#164, #444, canonical/lxd#3517", cpuKinds[1:], inTimeNamespace(pgrepOlder), nil},
	{"PSI triggers", "lxc/lxcfs#726, #727", cpuKinds[1:], psiTrigger, nil},
}

const cpuNumbers = `
list() { paste -sd, | grep . || echo none; }
c=/sys/devices/system/cpu
for f in possible kernel_max present online; do echo $f=$(cat $c/$f); done
echo cpuinfo=$(awk '/^processor/{print $3}' /proc/cpuinfo | list)
echo stat=$(grep -o '^cpu[0-9][0-9]*' /proc/stat | sed s/cpu// | list)
echo directories=$(ls -d $c/cpu[0-9]* | sed 's,.*/cpu,,' | list)
echo topology=$(ls -d $c/cpu[0-9]*/topology | sed 's,.*/cpu\([0-9]*\)/.*,\1,' | list)
echo cache=$(ls -d $c/cpu[0-9]*/cache 2>/dev/null | sed 's,.*/cpu\([0-9]*\)/.*,\1,' | list)
echo node=$(cat /sys/devices/system/node/node*/cpulist | grep . | list)
echo off=$(grep -lx 0 $c/cpu[0-9]*/online 2>/dev/null | sed 's,.*/cpu\([0-9]*\)/.*,\1,' | list)
echo all=$(nproc --all) conf=$(getconf _NPROCESSORS_CONF) onln=$(getconf _NPROCESSORS_ONLN)
`

// cpuNumbersAgree: numbers are the node's, how many there are is the
// container's, in all files.
func cpuNumbersAgree(r ran) error {
	got, want := fields(r.Stdout), map[string]string{}
	online, err := parseCPUs(got["online"])
	if err != nil || len(online) != r.cpus() {
		return fmt.Errorf("online is %q, the container may use %d of %v", got["online"], r.cpus(), r.allowed)
	}
	if len(without(online, r.allowed)) > 0 {
		return fmt.Errorf("online is %q, it may run on %v", got["online"], r.allowed)
	}
	for _, key := range []string{"present", "cpuinfo", "stat", "topology", "node"} {
		want[key] = cpuNames(online)
	}
	for _, key := range []string{"possible", "directories"} {
		want[key] = cpuNames(r.node.possible)
	}
	if r.node.caches {
		want["cache"] = cpuNames(r.node.possible)
	}
	want["off"] = cpuNames(without(r.node.possible, online))
	for key, list := range want {
		if cpus, err := parseCPUs(got[key]); err != nil || cpuNames(cpus) != list {
			return fmt.Errorf("%s is %q, want %s", key, got[key], list)
		}
	}
	for key, n := range map[string]int{"kernel_max": r.node.kernelMax, "all": len(r.node.possible), "conf": len(r.node.possible), "onln": len(online)} {
		if got[key] != fmt.Sprint(n) {
			return fmt.Errorf("%s is %q, want %d", key, got[key], n)
		}
	}
	return nil
}

// cpusAsOnline: the pattern's CPUs, of all matches, are those that are on line
// for the container.
func cpusAsOnline(pattern string) func(ran) error {
	re := regexp.MustCompile(pattern)
	return func(r ran) error {
		var found []string
		for _, match := range re.FindAllStringSubmatch(r.Stdout, -1) {
			found = append(found, strings.Fields(match[1])...)
		}
		cpus, err := parseCPUs(strings.Join(found, ","))
		if err != nil || cpuNames(cpus) != cpuNames(r.online) || len(cpus) != r.cpus() || len(without(cpus, r.allowed)) > 0 {
			return fmt.Errorf("CPUs %q; on line are %v, the container may use %d of %v", found, r.online, r.cpus(), r.allowed)
		}
		return nil
	}
}

// numactlShow: what may be bound to is what the kernel says (it is the mask of
// sched_getaffinity(2)); nodes without a CPU on line are left out.
func numactlShow(r ran) error {
	keys := []string{"physcpubind:", "membind:"}
	if r.cpus() == len(r.allowed) {
		keys = append(keys, "cpubind:", "nodebind:")
	}
	for _, key := range keys {
		got, want := linesWith(r.Stdout, key), linesWith(r.control.Stdout, key)
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			return fmt.Errorf("%q, without a view %q", got, want)
		}
	}
	if nodes := linesWith(r.Stdout, "nodebind:"); len(strings.Fields(nodes)) < 2 {
		return fmt.Errorf("%q, no node", nodes)
	}
	return nil
}

const numactlBind = `nodes=$($RUN usr/bin/numactl --show | sed -n 's/^nodebind: //p')
for n in ${nodes:-none}; do $RUN usr/bin/numactl -N $n -m $n true || exit; done`

func lscpuCounts(r ran) error {
	if err := cpusAsOnline(`(?m)^On-line CPU\(s\) list: *(.*)$`)(r); err != nil {
		return err
	}
	if want := fmt.Sprintf("\nCPU(s): %d\n", r.cpus()); !strings.Contains(regexp.MustCompile(` +`).ReplaceAllString("\n"+r.Stdout, " "), want) {
		return fmt.Errorf("no %q in\n%s", want, r.Stdout)
	}
	return nil
}

func says(want func(r ran) string) func(ran) error {
	return func(r ran) error {
		if r.Stdout != want(r) {
			return fmt.Errorf("%q, want %q", r.Stdout, want(r))
		}
		return nil
	}
}

// The kernel's own links to CPUs and blocks of memory are not asked for here.
const nodeFiles = `cd /sys/devices/system/node && ls -d * node*/* node*/hugepages/* 2>/dev/null | grep -vE '(^|/)(cpu|memory)[0-9]+$'`

func allThatTheKernelHas(r ran) error {
	var missing []string
	got := strings.Fields(r.Stdout)
	for _, name := range strings.Fields(r.control.Stdout) {
		if !slices.Contains(got, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("/sys/devices/system/node has no %q", missing)
	}
	return nil
}

func numastatTotal(r ran) error {
	total := strings.Fields(linesWith(r.Stdout, "MemTotal"))
	if want := fmt.Sprintf("%d.00", programsMiB); len(total) == 0 || total[len(total)-1] != want {
		return fmt.Errorf("MemTotal %q, want %s", total, want)
	}
	return nil
}

const psAge = `sleep 20 & p=$!
sleep 3; a=$(ps -o etimes= -p $p); me=$(ps -o etimes= -p $$); kill $p
echo "3 seconds old: etimes $a; its parent: $me"
[ $a -ge 1 ] && [ $a -le 5 ] && [ $me -ge 1 ] && [ $me -le 6 ]`

const pgrepOlder = `sleep 21.5 & p=$!
sleep 3; a=$(pgrep --older 1 -f '^sleep 21.5'); b=$(pgrep --older 3600 -f '^sleep 21.5'); kill $p
echo "3 seconds old: --older 1 finds '$a', --older 3600 finds '$b'"
[ "$a" = $p ] && [ -z "$b" ]`
