package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// needSyscalls skips where the kernel can't, with the reason that podview
// doctor gives.
func needSyscalls(t *testing.T) {
	t.Helper()
	needRoot(t)
	report, _, _ := runHere(t, exec.Command(podviewBinary(t), "doctor"))
	for line := range strings.Lines(report) {
		if strings.HasPrefix(line, "unfit  --syscalls=") {
			t.Skip(strings.TrimSpace(line))
		}
	}
}

// answers is what conformance/asker prints.
type answers struct {
	TotalRAM, FreeRAM, SharedRAM, BufferRAM, TotalSwap, FreeSwap uint64
	UptimeSec                                                    int64
	Loads                                                        [3]uint64
	Procs                                                        uint16
	CPUs                                                         []int
	NumCPU                                                       int
}

// ask runs an asker of 64 or 32 bits in p's container.
func (p *process) ask(t testing.TB, arch string) (a answers) {
	t.Helper()
	text := p.run(t, asker(t, arch))
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

func asker(t testing.TB, arch string) string {
	t.Helper()
	name := "asker." + arch
	for _, candidate := range []string{filepath.Join(filepath.Dir(podviewBinary(t)), name), "../bin/" + name} {
		if path, err := filepath.Abs(candidate); err == nil && exists(path) {
			return path
		}
	}
	t.Fatalf("no %s to ask with (make bin/asker)", name)
	return ""
}

// both are the architectures that one kernel answers.
var both = []string{"amd64", "386"}

// syscallServe runs a daemon whose containers' system calls are answered.
func syscallServe(t *testing.T, flags ...string) *server {
	t.Helper()
	needSyscalls(t)
	s := privateServe(t, append([]string{"--syscalls=sysinfo,affinity"}, flags...)...)
	if on := strings.Count(s.stderr.String(), "their own answers to this system call"); on != 2 {
		t.Fatalf("%d features are on\n%s", on, &s.stderr)
	}
	return s
}

// TestSyscalls has the tests that share a daemon: an emulated machine takes
// seconds to check the programs.
func TestSyscalls(t *testing.T) {
	s := syscallServe(t)
	for name, test := range map[string]func(*testing.T, *server){
		"programs": testSyscallPrograms, "others": testSyscallsLeaveOthersAlone,
		"files": testSyscallsAgreeWithFiles, "shared": testSyscallShared, "loads": testSyscallLoads,
		"affinity": testSyscallAffinity, "spread": testSyscallAffinitySpreads,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// What users run. The machine has more than one CPU and more than 192 MiB.
func testSyscallPrograms(t *testing.T, s *server) {
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 192, cpuMilli: 1000}), s.dir)
	pages := 192 << 20 / os.Getpagesize()
	for _, test := range []struct {
		argv []string
		want string // a pattern
	}{
		{[]string{"busybox", "free", "-m"}, `(?m)^Mem: +192 `},
		{[]string{"busybox", "nproc"}, `^1\n$`},
		{[]string{"nproc"}, `^1\n$`},
		{[]string{"getconf", "_PHYS_PAGES"}, fmt.Sprintf(`^%d\n$`, pages)},
		{[]string{"python3", "-c", "import os; print(len(os.sched_getaffinity(0)), os.sysconf('SC_PHYS_PAGES'))"}, fmt.Sprintf(`^1 %d\n$`, pages)},
	} {
		t.Run(strings.Join(test.argv[:min(2, len(test.argv))], " "), func(t *testing.T) {
			program := needProgram(t, test.argv[0])
			if got := c.run(t, append([]string{program}, test.argv[1:]...)...); !regexp.MustCompile(test.want).MatchString(got) {
				t.Errorf("%q prints\n%s", test.argv, got)
			}
		})
	}
	for _, arch := range both {
		a := c.ask(t, arch)
		if a.TotalRAM != 192<<20 || len(a.CPUs) != 1 || a.NumCPU != 1 {
			t.Errorf("%s: %+v", arch, a)
		}
	}
}

// The host, and a container with the same limits
// that has no view.
func testSyscallsLeaveOthersAlone(t *testing.T, s *server) {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		t.Fatal(err)
	}
	total := uint64(si.Totalram) * uint64(si.Unit) // this process is the host's
	l := limits{memoryMiB: 192, cpuMilli: 1000}
	for name, p := range map[string]*process{
		"the host":                     kernel(),
		"a container without the view": startIn(t, newGroup(t, podPath()+"/"+ctrName("a"), l), "").process,
	} {
		for _, arch := range both {
			if a := p.ask(t, arch); a.TotalRAM != total || len(a.CPUs) != runtime.NumCPU() {
				t.Errorf("%s, %s: %d CPUs, %d bytes; the machine has %d and %d", name, arch, len(a.CPUs), a.TotalRAM, runtime.NumCPU(), total)
			}
		}
	}
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), l), s.dir)
	if a := c.ask(t, "amd64"); a.TotalRAM != 192<<20 {
		t.Errorf("a container with the view, beside them: %+v", a)
	}
}

// leftInBPFFS is what the podviews of this run have pinned: their mounts, whose
// names these have, are below its own directory. An empty one is nobody's.
func leftInBPFFS() (left []string) {
	const all = "/sys/fs/bpf/podview"
	ours := filepath.Base(os.TempDir())
	_ = filepath.WalkDir(all, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.Contains(path, ours) {
			left = append(left, path)
		}
		return nil
	})
	if mounts, err := os.ReadDir(all); err == nil && len(mounts) == 0 {
		left = append(left, all)
	}
	slices.Sort(left)
	return left
}
