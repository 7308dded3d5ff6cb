package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// own, or the host's: what a container may read while something is broken.
// Never nothing, and no error that the host's file does not give.
func (c *container) ownOrHosts(t testing.TB, when string, mib int) (own bool) {
	t.Helper()
	files := []string{"/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/diskstats", "/proc/swaps",
		paths.CPUDir + "/online", paths.CPUDir + "/present", paths.NodeDir + "/node0/meminfo", "/proc/pressure/cpu"}
	for _, file := range files {
		want := kernel().tryRead(t, file)
		switch got := c.tryRead(t, file); {
		case got.Errno != 0 && got.Errno != want.Errno:
			t.Errorf("%s: %s: %v, the host's: %v", when, file, got.Errno, want.Errno)
		case got.Errno == 0 && len(got.Data) == 0 && len(want.Data) > 0:
			t.Errorf("%s: %s is blank", when, file)
		case file == "/proc/meminfo":
			const key = "MemTotal"
			total, hosts := linesWith(string(got.Data), key), linesWith(string(want.Data), key)
			if own = total == fmt.Sprintf("%s: %14d kB\n", key, mib<<10); !own && total != hosts {
				t.Errorf("%s: %q, the host has %q", when, total, hosts)
			}
		}
	}
	var names []Entry
	if err := c.try("ReadDir", c.path(paths.CPUDir), &names); err != nil || len(names) == 0 {
		t.Errorf("%s: %s has %d names, %v", when, paths.CPUDir, len(names), err)
	}
	return own
}

// comesBack waits for the container's own figures.
func (c *container) comesBack(t *testing.T, mib int) {
	t.Helper()
	eventually(t, "the container's view", func() bool { return c.ownOrHosts(t, "afterwards", mib) })
}

// noMoreFiles keeps a process from opening any; restore ends that.
func noMoreFiles(t *testing.T, pid int) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	least := uint64(0)
	for ; exists(fmt.Sprintf("/proc/%d/fd/%d", pid, least)); least++ {
	}
	none := unix.Rlimit{Cur: least, Max: before.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &none, nil); err != nil {
		t.Fatal(err)
	}
	return func() { _ = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil) }
}

func smallContainer(t *testing.T, view string, mib int) *container {
	t.Helper()
	return startIn(t, newGroup(t, podPath()+"/"+ctrName("f"), limits{memoryMiB: mib, cpuMilli: 1000}), view)
}

// TestWorkerIsOutOfDescriptors: with what it has open, and the host's files
// where that is not enough.
func TestWorkerIsOutOfDescriptors(t *testing.T) {
	daemon := privateServe(t)
	known := smallContainer(t, daemon.dir, 100)
	known.comesBack(t, 100)
	never := smallContainer(t, daemon.dir, 120)
	restore := noMoreFiles(t, daemon.worker(t))
	for range 3 {
		known.ownOrHosts(t, "no descriptors", 100)
		never.ownOrHosts(t, "no descriptors, a new container", 120)
	}
	restore()
	known.comesBack(t, 100)
	never.comesBack(t, 120)
}

// TestHolderIsOutOfDescriptors: it can't start a worker then.
func TestHolderIsOutOfDescriptors(t *testing.T) {
	daemon := privateServe(t)
	c := smallContainer(t, daemon.dir, 100)
	c.comesBack(t, 100)
	restore := noMoreFiles(t, daemon.cmd.Process.Pid)
	for n := range 3 { // the one on standby comes first
		if worker, err := atWork(daemon.cmd.Process.Pid); err == nil {
			_ = unix.Kill(worker, unix.SIGKILL)
		}
		c.ownOrHosts(t, fmt.Sprintf("no descriptors, worker %d was killed", n), 100)
	}
	daemon.says(t, "No worker stays alive")
	c.ownOrHosts(t, "no descriptors, no worker", 100)
	restore()
	c.comesBack(t, 100)
}

// TestNoProcesses: the cgroup that podview is in is full, so no worker can be
// started, nor a thread.
func TestNoProcesses(t *testing.T) {
	daemon := privateServe(t)
	c := smallContainer(t, daemon.dir, 100)
	c.comesBack(t, 100)
	holder := daemon.cmd.Process.Pid
	g := newGroup(t, "full", limits{})
	limit := g.file(t, "pids", "pids.max")
	for _, pid := range append(childrenOf(holder), holder) {
		g.add(t, pid)
	}
	t.Cleanup(func() { daemon.cmd.Process.Kill(); <-daemon.exited }) // before the cgroup goes
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", holder))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFile(limit, strconv.Itoa(len(threads))); err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		if worker, err := atWork(holder); err == nil {
			_ = unix.Kill(worker, unix.SIGKILL)
		}
		c.ownOrHosts(t, fmt.Sprintf("no processes, worker %d was killed", n), 100)
	}
	daemon.says(t, "No worker stays alive")
	for range 5 {
		c.ownOrHosts(t, "no processes", 100)
		time.Sleep(100 * time.Millisecond)
	}
	if err := writeFile(limit, "max"); err != nil {
		t.Fatal(err)
	}
	c.comesBack(t, 100)
	if err := daemon.stop(); err != nil {
		t.Error(err)
	}
}

// givesEIO is a file that can be opened, and not read: EIO.
func givesEIO(t *testing.T) string {
	t.Helper()
	file := fmt.Sprintf("/proc/%d/mem", os.Getpid()) // nothing is at address 0
	if _, err := os.ReadFile(file); err == nil || !strings.Contains(err.Error(), syscall.EIO.Error()) {
		t.Skipf("%s: %v, not EIO", file, err)
	}
	return file
}

// covered has a file in the place of another until uncover.
func covered(t *testing.T, with, file string) (uncover func()) {
	t.Helper()
	if err := unix.Mount(with, file, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("on %s: %v", file, err)
	}
	done := false
	uncover = func() {
		if !done {
			done = true
			_ = unix.Unmount(file, unix.MNT_DETACH)
		}
	}
	t.Cleanup(uncover)
	return uncover
}

// TestCgroupFilesAreBroken: each file of a container's cgroups in turn, which
// gives EIO when it is read or can't be opened.
func TestCgroupFilesAreBroken(t *testing.T) {
	daemon := privateServe(t, "--stat-cache=0", "--kept-files=0")
	c := smallContainer(t, daemon.dir, 100)
	c.comesBack(t, 100)
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "socket") // ENXIO
	if err := unix.Mknod(socket, unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	hosts, n := 0, 0
	seen := map[string]bool{}
	for _, dir := range h.all {
		files, err := filepath.Glob(filepath.Join(dir, c.group.path, "[cm]*.*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() || st.Mode().Perm()&0o400 == 0 || seen[file] {
				continue
			}
			seen[file] = true
			with := []string{givesEIO(t), socket}[n%2]
			uncover := covered(t, with, file)
			n++
			if !c.ownOrHosts(t, file+" is "+with, 100) {
				hosts++
			}
			uncover()
		}
	}
	t.Logf("%d faults, %d times the host's meminfo", n, hosts)
	if hosts == 0 {
		t.Error("no fault has done anything")
	}
	c.comesBack(t, 100)
}

// onOtherProc is a container on a podview that keeps nothing, and takes another
// mount of /proc for the host's.
func onOtherProc(t *testing.T) (proc string, c *container) {
	t.Helper()
	needRoot(t)
	proc = filepath.Join(t.TempDir(), "proc")
	if err := os.Mkdir(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	covered(t, "/proc", proc)
	daemon := privateServe(t, "--host-proc", proc, "--stat-cache=0", "--kept-files=0")
	c = smallContainer(t, daemon.dir, 100)
	c.comesBack(t, 100)
	return proc, c
}

// TestHostFilesAreBroken: each of the host's files in turn gives EIO. Then
// that file may, and others don't.
func TestHostFilesAreBroken(t *testing.T) {
	proc, c := onOtherProc(t)
	for _, path := range emulatedHere() {
		name, isProc := strings.CutPrefix(path, "/proc/")
		if !isProc {
			continue
		}
		uncover := covered(t, givesEIO(t), filepath.Join(proc, name))
		for _, other := range emulatedHere() {
			if st, err := os.Stat(other); err != nil || st.IsDir() {
				continue
			}
			got := c.tryRead(t, other)
			if got.Errno != 0 && (other != path || got.Errno != syscall.EIO) || got.Errno == 0 && len(got.Data) == 0 {
				t.Errorf("without %s: %s: %d bytes, %v", path, other, len(got.Data), got.Errno)
			}
		}
		uncover()
	}
	c.comesBack(t, 100)
}

// TestProcessesFilesAreBroken: who reads can't be told.
func TestProcessesFilesAreBroken(t *testing.T) {
	proc, c := onOtherProc(t)
	for _, name := range []string{"cgroup", "stat", "status", "oom_score_adj"} {
		file := fmt.Sprintf("%s/%d/%s", proc, c.pid, name)
		uncover := covered(t, givesEIO(t), file)
		c.ownOrHosts(t, file+" is broken", 100)
		uncover()
	}
	c.comesBack(t, 100)
}

// TestRunDirIsFull: a podview that can't have a lock does not start, and says
// so; one that can't have a socket serves all the same.
func TestRunDirIsFull(t *testing.T) {
	needRoot(t)
	run := t.TempDir()
	if err := unix.Mount("tmpfs", run, "tmpfs", 0, "size=4k,nr_inodes=2"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(run, unix.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(run, "full"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := startServe(podviewBinary(t), filepath.Join(t.TempDir(), "view"), "--run-dir", run); err == nil || !strings.Contains(err.Error(), run+"/lock") {
		t.Errorf("without room for the lock: %v", err)
	}
	if err := os.Rename(filepath.Join(run, "full"), filepath.Join(run, "lock")); err != nil {
		t.Fatal(err)
	}
	daemon := privateServe(t, "--run-dir", run)
	daemon.says(t, "no space left")
	c := smallContainer(t, daemon.dir, 100)
	c.comesBack(t, 100)
	_ = unix.Kill(daemon.worker(t), unix.SIGKILL)
	c.ownOrHosts(t, "the run directory is full", 100)
	c.comesBack(t, 100)
}

// TestMemoryRunsOut: the cgroup that podview is in is too small for a worker.
func TestMemoryRunsOut(t *testing.T) {
	daemon := privateServe(t)
	c := smallContainer(t, daemon.dir, 100)
	c.comesBack(t, 100)
	holder := daemon.cmd.Process.Pid
	if score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", holder)); err != nil || string(score) != "-1000\n" {
		t.Skipf("the OOM killer may choose the holder, whose oom_score_adj is %q (%v)", score, err)
	}
	g := newGroup(t, "small", limits{memoryMiB: 200})
	for _, pid := range append(childrenOf(holder), holder) {
		g.add(t, pid)
	}
	t.Cleanup(func() { daemon.cmd.Process.Kill(); <-daemon.exited }) // before the cgroup goes
	file := "memory.limit_in_bytes"
	if h, err := machine(); err == nil && h.v2() {
		file = "memory.max"
	}
	file = g.file(t, "memory", file)
	for mib := 24; mib >= 12; mib -= 3 {
		if err := writeFile(file, strconv.Itoa(mib<<20)); errors.Is(err, unix.EBUSY) {
			t.Logf("%d MiB are in use and can't be taken", mib)
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if worker, err := atWork(holder); err == nil {
				_ = unix.Kill(worker, unix.SIGKILL)
			}
			c.ownOrHosts(t, fmt.Sprintf("%d MiB", mib), 100)
		}
	}
	g.set(t, limits{memoryMiB: 200})
	c.comesBack(t, 100)
	if err := daemon.stop(); err != nil {
		t.Error(err)
	}
}

// TestSuccessorIsNotHeard: the podview that serves has no descriptor to talk
// to it. It waits, and takes the mount when it can.
func TestSuccessorIsNotHeard(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old := serveOn(t, dir)
	c := smallContainer(t, dir, 100)
	c.comesBack(t, 100)
	restore := noMoreFiles(t, old.cmd.Process.Pid)
	next := launchOn(t, binary, dir)
	old.says(t, "Somebody asked for the mount and did not get it")
	if !c.ownOrHosts(t, "no descriptors to hand over with", 100) {
		t.Error("the container sees the host, though its worker is well")
	}
	restore()
	next.says(t, "Took over the mount")
	old.endStandby(t)
	c.comesBack(t, 100)
	if err := next.stop(); err != nil {
		t.Error(err)
	}
}

// TestWorkerIsOutOfAddressSpace: Go ends a process that needs more and gets
// none. The next worker has it again.
func TestWorkerIsOutOfAddressSpace(t *testing.T) {
	daemon := privateServe(t)
	known := smallContainer(t, daemon.dir, 100)
	known.comesBack(t, 100)
	worker := daemon.worker(t)
	defer noMoreMemory(t, worker)()
	containers := []*container{known}
	for range 3 {
		containers = append(containers, smallContainer(t, daemon.dir, 100))
	}
	for range 20 {
		for _, c := range containers {
			c.ownOrHosts(t, "no address space", 100)
		}
	}
	_ = unix.Kill(worker, unix.SIGKILL)
	for _, c := range containers {
		c.comesBack(t, 100)
	}
}

// noMoreMemory keeps a process from mapping more than it has; restore ends that.
func noMoreMemory(t *testing.T, pid int) (restore func()) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kB uint64
	if _, err := fmt.Sscanf(linesWith(string(status), "VmSize:"), "VmSize: %d kB", &kB); err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: kB << 10, Max: unix.RLIM_INFINITY}, &before); err != nil {
		t.Fatal(err)
	}
	return func() { _ = unix.Prlimit(pid, unix.RLIMIT_AS, &before, nil) }
}
