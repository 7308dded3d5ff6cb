package conformance

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

// The containers that programs run in. Nearly every pod is one of these.
type kindOfLimit struct {
	name   string
	milli  int  // 0 is no quota
	pinned bool // to the node's last CPU, as the kubelet's static CPU manager does
}

var (
	cpuKinds = []kindOfLimit{{"pinned", 1000, true}, {"limited", 1000, false}}
	allKinds = append(slices.Clip(cpuKinds), kindOfLimit{"memory only", 0, false})
)

const programsMiB = 512

// ran is how a program ended in a container with a view, and what there is to
// judge it by.
type ran struct {
	Output
	control Output // the same limits and namespaces, the kernel's own files
	online  []int  // what the container's files say
	allowed []int  // CPUs that the container may run on
	milli   int
	node    nodeCPUs
}

// cpus is how many the view has: the limit's, rounded up, of the allowed.
func (r ran) cpus() int {
	if r.milli == 0 {
		return len(r.allowed)
	}
	return min(len(r.allowed), (r.milli+999)/1000)
}

// nodeCPUs is what the kernel's own files say.
type nodeCPUs struct {
	possible  []int
	kernelMax int
	caches    bool // it tells of caches; some hypervisors have none
}

func ofTheNode(t testing.TB) nodeCPUs {
	t.Helper()
	k := kernel()
	return nodeCPUs{
		possible:  k.cpuList(t, paths.CPUDir+"/possible"),
		kernelMax: int(number(t, strings.TrimSpace(k.read(t, paths.CPUDir+"/kernel_max")))),
		caches:    exists(paths.CPUDir + "/cpu0/cache"),
	}
}

// TestRealPrograms is the table of programs_rows_test.go. VIEW=none runs it
// without a view: what then fails is wrong in every container of today.
func TestRealPrograms(t *testing.T) {
	needRoot(t)
	last := strconv.Itoa(slices.Max(kernel().cpuList(t, paths.CPUDir+"/online")))
	if last == "0" {
		t.Skip("needs a machine with two CPUs")
	}
	for _, row := range realPrograms {
		t.Run(row.name, func(t *testing.T) {
			for _, kind := range row.cases {
				l := limits{memoryMiB: programsMiB, cpuMilli: kind.milli}
				if kind.pinned {
					l.cpuset = last
				}
				t.Run(kind.name, func(t *testing.T) { row.test(t, l) })
			}
		})
	}
}

// test runs the program without a view first: a control that fails says
// nothing about the view.
func (row realProgram) test(t *testing.T, l limits) {
	control := startIn(t, newGroup(t, shortPath(), l), "")
	r := ran{milli: l.cpuMilli, node: ofTheNode(t), control: row.run(t, control)}
	if r.control.Code != 0 {
		t.Skipf("without a view it fails, too: exit code %d: %s", r.control.Code, lastLine(r.control))
	}
	status := control.read(t, "/proc/self/status")
	_, list, _ := strings.Cut(linesWith(status, "Cpus_allowed_list:"), ":")
	var err error
	if r.allowed, err = parseCPUs(strings.TrimSpace(list)); err != nil {
		t.Fatal(err)
	}
	view := ""
	if os.Getenv("VIEW") != "none" {
		view = viewDir(t)
	}
	c := startIn(t, newGroup(t, shortPath(), l), view)
	r.Output, r.online = row.run(t, c), c.cpuList(t, paths.CPUDir+"/online")
	if r.Code != 0 {
		t.Fatalf("exit code %d, without a view it is 0 (%s)\n%s%s", r.Code, row.source, r.Stdout, r.Stderr)
	}
	if row.right == nil {
		return
	}
	if err := row.right(r); err != nil {
		t.Errorf("%v (%s)", err, row.source)
	}
}

// shortPath is a new container's cgroup as Docker makes it: hwloc 2.9 cuts names
// off after 128 bytes, and then takes no notice of the kubelet's.
func shortPath() string { return fmt.Sprintf("docker/%064x", containers.Add(1)) }

func lastLine(out Output) string {
	lines := strings.Split(strings.TrimSpace(out.Stdout+out.Stderr), "\n")
	return lines[len(lines)-1]
}

// script runs text by a shell in the container; its programs are this
// machine's.
func script(text string) func(*testing.T, *container) Output {
	return func(t *testing.T, c *container) Output { return c.runAny(t, "sh", "-c", text) }
}

// inTimeNamespace runs a script as if the machine had booted now.
func inTimeNamespace(text string) func(*testing.T, *container) Output {
	return func(t *testing.T, c *container) Output {
		uptime, _ := kernel().uptime(t)
		return c.runAny(t, "unshare", "--time", fmt.Sprintf("--boottime=-%d", int(uptime)), "--fork", "sh", "-c", text)
	}
}

// runAny is run for programs that may fail.
func (p *process) runAny(t testing.TB, argv ...string) (out Output) {
	t.Helper()
	p.call(t, "Run", argv, &out)
	return out
}

// fetched is where conformance/programs/fetch.sh has put a program; without it
// the test skips.
func fetched(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("PROGRAMS")
	if dir == "" {
		dir = "../.cache/programs"
	}
	file, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !exists(file) {
		t.Skipf("no %s: conformance/programs/fetch.sh has not fetched it, or it is not in this VM", file)
	}
	return file
}

// debian is a script with $RUN, which runs programs of that suite.
func debian(suite, text string) func(*testing.T, *container) Output {
	return func(t *testing.T, c *container) Output {
		return script("RUN="+fetched(t, suite+"/run")+"\n"+text)(t, c)
	}
}

// libomp of that version is loaded in place of the library that the compiler
// of the program would have it use.
func libomp(version, method string) func(*testing.T, *container) Output {
	return func(t *testing.T, c *container) Output {
		program, library := fetched(t, "compiled/openmp"), "usr/lib/llvm-"+version+"/lib/libomp.so.5"
		fetched(t, "bookworm/"+library)
		if method == "cpuinfo" && runtime.GOARCH != "amd64" {
			t.Skip("cpuinfo tells of cores on x86 only")
		}
		text := "PRELOAD=" + library + " $RUN " + program
		if method != "" {
			text = "KMP_TOPOLOGY_METHOD=" + method + " " + text
		}
		return debian("bookworm", text)(t, c)
	}
}

// workerd has Google's TCMalloc. The tunable gives it its per-CPU caches, as
// the official image of mongo does.
func workerd(t *testing.T, c *container) Output {
	program, dir := fetched(t, "workerd/bin/workerd"), t.TempDir()
	for name, text := range map[string]string{
		"w.capnp": `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .w)]);
const w :Workerd.Worker = (modules = [(name = "w", esModule = embed "w.js")], compatibilityDate = "2024-01-01");
`,
		"w.js": `export default { async test() { const kept = []; for (let i = 0; i < 100000; i++) kept.push({ i, text: "n" + i }); console.log(kept.length); } };
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return script("cd "+dir+"; export GLIBC_TUNABLES=glibc.pthread.rseq=0; for i in 1 2 3; do "+program+" test w.capnp || exit; done")(t, c)
}

// haproxy tells what its threads would be bound to.
func haproxy(t *testing.T, c *container) Output {
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf("global\n  cpu-policy performance\nfrontend f\n  mode http\n  timeout client 1s\n  bind unix@%s.socket\n", file)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return debian("forky", "$RUN usr/sbin/haproxy -dc -c -f "+file)(t, c)
}

func nodeExporter(t *testing.T, c *container) Output {
	fetched(t, "bookworm/usr/bin/prometheus-node-exporter")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	out := c.runAny(t, "bash", "-c", fmt.Sprintf(`
		%s usr/bin/prometheus-node-exporter --web.listen-address=127.0.0.1:%d --collector.disable-defaults --collector.meminfo_numa >/dev/null 2>&1 & e=$!
		for i in {1..100}; do
			sleep 0.1
			(exec 3<>/dev/tcp/127.0.0.1/%[2]d && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && grep -a ^node_ <&3) 2>/dev/null && break
		done
		kill $e`, fetched(t, "bookworm/run"), port))
	if !strings.Contains(out.Stdout, `node_scrape_collector_success{collector="meminfo_numa"} 1`) {
		out.Code = 1
	}
	return out
}

// numaTotal: the nodes' memory adds up to the container's.
func numaTotal(r ran) error {
	var sum float64
	for line := range strings.Lines(linesWith(r.Stdout, "node_memory_numa_MemTotal{")) {
		n, err := strconv.ParseFloat(strings.Fields(line)[1], 64)
		if err != nil {
			return err
		}
		sum += n
	}
	if sum != programsMiB<<20 {
		return fmt.Errorf("the nodes' MemTotal add up to %.0f, the limit is %d", sum, programsMiB<<20)
	}
	return nil
}

// fields are words of the form key=value.
func fields(text string) map[string]string {
	all := map[string]string{}
	for _, word := range strings.Fields(text) {
		if key, value, ok := strings.Cut(word, "="); ok {
			all[key] = value
		}
	}
	return all
}

// parseCPUs takes the kernel's lists: 0-1,3. A list that is out of order or
// names a CPU twice is put right here; empty and "none" are no CPU.
func parseCPUs(list string) (cpus []int, err error) {
	if list == "" || list == "none" {
		return nil, nil
	}
	for _, part := range strings.Split(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.Atoi(low)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", list, err)
		}
		to, err := strconv.Atoi(high)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", list, err)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

func cpuNames(cpus []int) string { return strings.Trim(fmt.Sprint(cpus), "[]") }

func without(cpus, taken []int) []int {
	return slices.DeleteFunc(slices.Clone(cpus), func(cpu int) bool { return slices.Contains(taken, cpu) })
}
