package conformance

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// agesScript prints what programs tell of a process that sleeps for two
// seconds already, NAME VALUE a line.
const agesScript = `
sleep 1000 & p=$!
sleep 2
echo uptime $(cut -d' ' -f1 /proc/uptime)
echo btime $(sed -n 's/^btime //p' /proc/stat)
echo sysinfo $(python3 -c '
import ctypes
b = (ctypes.c_long * 64)()
ctypes.CDLL(None).sysinfo(b)
print(b[0])')
echo boottime $(python3 -c 'import time; print(time.clock_gettime(time.CLOCK_BOOTTIME))')
echo etimes $(ps -o etimes= -p $p)
echo first $(ps -o etimes= -p 1)
echo lstart $(date +%s -d "$(ps -o lstart= -p $p)")
echo older $([ "$(pgrep --older 1 -f '^sleep 1000')" = $p ] && echo 1)
echo oldest $(pgrep --older 100 -f '^sleep 1000' || echo none)
echo namespace $(readlink /proc/self/ns/time)
kill $p`

// In a demo, uptime and ages agree, by every way to ask for them.
func TestDemoAges(t *testing.T) {
	for _, program := range []string{"ps", "pgrep", "python3"} {
		needProgram(t, program)
	}
	const slept = 2
	start := time.Now()
	stdout, stderr, code := demo(t, "--memory", "128Mi", "--", "sh", "-c", agesScript)
	passed := time.Since(start).Seconds()
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	told := map[string]string{}
	for line := range strings.Lines(stdout) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		told[name] = value
	}
	if own, err := os.Readlink("/proc/self/ns/time"); err != nil || told["namespace"] == own {
		if newKernel(t) {
			t.Errorf("no time namespace in the demo: %s, %v", told["namespace"], err)
		}
		t.Skip("this kernel starts no demo in a time namespace")
	}
	// A btime has no fraction, and sysinfo rounds up.
	began := float64(start.UnixNano()) / 1e9
	for name, want := range map[string][2]float64{
		"uptime": {slept, passed}, "sysinfo": {slept, passed + 1}, "boottime": {slept, passed},
		"etimes": {slept - 1, passed}, "first": {slept - 1, passed}, "older": {1, 1},
		"btime": {began - 2, began + passed}, "lstart": {began - 2, began + passed},
	} {
		got, err := strconv.ParseFloat(told[name], 64)
		if err != nil || got < want[0]-0.02 || got > want[1]+0.02 {
			t.Errorf("%s is %s, want %.2f to %.2f", name, told[name], want[0], want[1])
		}
	}
	if told["oldest"] != "none" {
		t.Errorf("pgrep finds the process %s to be older than 100 seconds", told["oldest"])
	}
}

// newKernel is one where Go's way to start a process works for time namespaces.
func newKernel(t *testing.T) bool {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	major, rest, _ := strings.Cut(unix.ByteSliceToString(name.Release[:]), ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		t.Fatalf("kernel release %q", name.Release)
	}
	return a > 6 || a == 6 && b >= 6
}

// --uptime=node: the file is the host's, and so ps is right without a time
// namespace. Another worker goes on with it.
func TestUptimeNode(t *testing.T) {
	s := privateServe(t, "--uptime=node")
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 128}), s.dir)
	check := func() {
		t.Helper()
		before, _ := kernel().uptime(t)
		got, _ := c.uptime(t)
		after, _ := kernel().uptime(t)
		if got < before || got > after {
			t.Errorf("uptime %.2f, the host's is %.2f to %.2f", got, before, after)
		}
	}
	check()
	if ps, err := exec.LookPath("ps"); err == nil {
		start := time.Now()
		out := strings.TrimSpace(c.run(t, "sh", "-c", ps+" -o etimes= -p $$"))
		if n, err := strconv.Atoi(out); err != nil || n < 0 || float64(n) > time.Since(start).Seconds()+1 {
			t.Errorf("ps says that it runs since %s seconds", out)
		}
	}
	if err := unix.Kill(s.worker(t), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	check()
}
