package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podview/podview/conformance/bench/cgroups"
	"github.com/podview/podview/conformance/bench/report"
)

// smokeArgs is a short run of everything, with what this machine has.
func smokeArgs(t *testing.T, more ...string) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make containers")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skip(err)
	} else {
		f.Close()
	}
	if _, err := cgroups.Open(); err != nil {
		t.Skip(err)
	}
	podview, null := os.Getenv("PODVIEW"), os.Getenv("NULLSERVER")
	if podview == "" || null == "" {
		t.Skip("PODVIEW and NULLSERVER don't name the programs; make bench-smoke does")
	}
	servers := allServers
	if _, err := exec.LookPath("lxcfs"); err != nil { // lxcfs.sh has said so
		servers = slices.DeleteFunc(slices.Clone(servers), func(s string) bool { return s == report.Lxcfs })
	}
	return append([]string{"-quick", "-podview", podview, "-nullserver", null, "-servers", strings.Join(servers, ","),
		"-files", "stat,cpu/online", "-rounds", "2", "-containers", "3", "-many", "12"}, more...)
}

// TestSmoke: all servers give the right answers (the bench compares MemTotal
// with each container's limit), everything is counted, and nothing is left.
// It says nothing about speed.
func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	args := smokeArgs(t, "-json", filepath.Join(dir, "result.json"), "-docs", dir)
	if err := outer(args, io.Discard); err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig(args)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readResult(filepath.Join(dir, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Complete(r, c.cells(3)); err != nil {
		t.Error(err)
	}
	if r.Many == nil || !slices.Equal(r.Servers, c.servers) {
		t.Errorf("servers %q, want %q; many: %v", r.Servers, c.servers, r.Many)
	}
	document, err := os.ReadFile(filepath.Join(dir, report.DocumentFile))
	if err != nil || string(document) != report.Document(r, "") {
		t.Errorf("%s is not of this result (%v)", report.DocumentFile, err)
	}
	nothingLeft(t, os.Getpid())
}

// nothingLeft looks for the cgroups and mounts of the bench of that pid.
func nothingLeft(t *testing.T, pid int) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), workDir) {
		t.Errorf("mounts are left (%v):\n%s", err, mounts)
	}
	for line := range strings.Lines(string(mounts)) {
		if point := strings.Fields(line)[4]; strings.Contains(line, " - cgroup") {
			if left, _ := filepath.Glob(fmt.Sprintf("%s/podview-perf-%d", point, pid)); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		}
	}
}

// startBench runs the bench as a process and waits until it measures.
func startBench(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{benchCommand}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	scanner := bufio.NewScanner(stderr)
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), "round 2") {
			go func() {
				for scanner.Scan() {
				}
			}()
			return cmd
		}
		t.Log(scanner.Text())
	}
	t.Fatal("the bench ended early")
	return nil
}

// TestInterrupted: Ctrl-C leaves nothing, even while a server hangs.
func TestInterrupted(t *testing.T) {
	args := smokeArgs(t, "-rounds", "1000", "-servers", "null")
	cmd := startBench(t, args)
	stopServer(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted run ended with exit code 0")
	}
	nothingLeft(t, cmd.Process.Pid)
}

// stopServer makes the null server hang.
func stopServer(t *testing.T, bench int) {
	t.Helper()
	machine, err := cgroups.Open()
	if err != nil {
		t.Fatal(err)
	}
	account, err := machine.NewRun(bench).Account(report.Null)
	if err != nil {
		t.Fatal(err)
	}
	pids, err := account.Processes()
	if err != nil || len(pids) != 1 {
		t.Fatalf("the null server's processes: %v, %v", pids, err)
	}
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// TestKilled: a bench that is killed takes its processes with it, and the next
// one removes its cgroups.
func TestKilled(t *testing.T) {
	cmd := startBench(t, smokeArgs(t, "-rounds", "1000", "-servers", "native"))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	machine, err := cgroups.Open()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the kernel's, to kill the rest: RemoveStale would do it, too
	if err := machine.RemoveStale(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, cmd.Process.Pid)
}

// TestDocumentsAreTheResults: docs/performance.md is made from docs/bench.json
// and the notes, and never changed by hand.
func TestDocumentsAreTheResults(t *testing.T) {
	const docs = "../../docs"
	r, err := readResult(filepath.Join(docs, report.ResultFile))
	if os.IsNotExist(err) {
		t.Skip("docs/bench.json does not exist: make bench has not been run")
	}
	if err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile(filepath.Join(docs, report.NotesFile))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for name, want := range map[string]string{report.DocumentFile: report.Document(r, string(notes)), report.ChartFile: report.Chart(r)} {
		if text, err := os.ReadFile(filepath.Join(docs, name)); err != nil || string(text) != want {
			t.Errorf("%s is not what %s and %s say (%v); make bench-docs writes it", name, report.ResultFile, report.NotesFile, err)
		}
	}
}
