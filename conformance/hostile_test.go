package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// What one container does must not harm another.

// A lease makes open(2) by anybody else wait; with O_NONBLOCK it says so.
func TestNoLeaseOnSharedFiles(t *testing.T) {
	attacker, victim := startContainer(t, limits{memoryMiB: 64}), startContainer(t, limits{memoryMiB: 128})
	var all []string
	for _, p := range paths.All {
		if !p.Dir {
			all = append(all, p.Path)
			continue
		}
		for _, w := range victim.walk(t, p.Path) {
			if w.Mode&unix.S_IFMT == unix.S_IFREG {
				all = append(all, w.Name)
			}
		}
	}
	var got Leases
	attacker.call(t, "Lease", all, &got)
	if got.Write > 0 {
		t.Errorf("%d write leases on %d files", got.Write, len(all))
	}
	for _, file := range all {
		if _, errno := victim.open(t, file, syscall.O_RDONLY|syscall.O_NONBLOCK, 0); errno == syscall.EWOULDBLOCK {
			t.Fatalf("%s can't be opened (%+v)", file, got)
		}
	}
	victim.seesMemory(t, "the victim", 128)
}

// TestHeldFiles: files that one container keeps open tear no text of another.
func TestHeldFiles(t *testing.T) {
	daemon := privateServe(t)
	start := func(digit string) *container {
		return startIn(t, newGroup(t, podPath()+"/"+ctrName(digit), limits{memoryMiB: 512}), daemon.dir)
	}
	attacker, victim := start("a"), start("b")
	var last *process
	for range 6 { // one process may not have so many open
		var held int
		last = attacker.spawn(t, nil)
		last.call(t, "Hold", Hold{"/proc/stat", times(600, 11_500)}, &held)
	}
	victim.burn(t, 1) // so that its counters move
	text, part := "", victim.mustOpen(t, "/proc/stat")
	for {
		piece := victim.readAt(t, At{Handle: part, Length: 256, Current: true})
		if text += piece; piece == "" {
			break
		}
		var held int
		last.call(t, "Hold", Hold{"/proc/uptime", 100}, &held)
	}
	stat := parseStat(t, text)
	for column, total := range stat.total {
		var sum uint64
		for _, cpu := range stat.cpus {
			sum += cpu.ticks[column]
		}
		if sum != total {
			t.Errorf("column %d: the CPUs have %d, cpu %d: two texts\n%s", column, sum, total, text)
		}
	}
}

// TestManyInnerCgroups: a container's cgroups in its own set nobody's counters
// back.
func TestManyInnerCgroups(t *testing.T) {
	daemon := privateServe(t)
	start := func(digit string) *container {
		return startIn(t, newGroup(t, podPath()+"/"+ctrName(digit), limits{memoryMiB: 64, cpuMilli: 900}), daemon.dir)
	}
	attacker, victim := start("a"), start("b")
	time.Sleep(100 * time.Millisecond)
	before := victim.read(t, "/proc/stat")
	victim.group.set(t, limits{memoryMiB: 64, cpuMilli: 10})
	for i := range times(200, 8300) {
		inner := attacker.group.file(t, "cpu", fmt.Sprintf("inner%d", i))
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(inner) })
		if err := writeFile(filepath.Join(inner, "cgroup.procs"), fmt.Sprint(attacker.pid)); err != nil {
			t.Fatal(err)
		}
		attacker.read(t, "/proc/stat")
	}
	attacker.group.add(t, attacker.pid)
	after := parseStat(t, victim.read(t, "/proc/stat"))
	for i, was := range parseStat(t, before).total {
		if after.total[i] < was {
			t.Errorf("counter %d went from %d to %d", i, was, after.total[i])
		}
	}
}

// TestHostileReattach: what processes in containers do delays no other, and who
// holds a lock gets the view, too.
func TestHostileReattach(t *testing.T) {
	needRoot(t)
	dead, dir := filepath.Join(t.TempDir(), "view"), filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dead)
	var lockers []*container
	for range 4 {
		c := enclosed(t, dead)
		c.call(t, "LockNamespace", struct{}{}, &struct{}{})
		lockers = append(lockers, c)
	}
	piler := enclosed(t, dead)
	var piled int
	piler.call(t, "Pile", times(2000, 12_000), &piled)
	victim := enclosed(t, dead)
	crash(t, s)
	serveOn(t, dir)
	proc, names := t.TempDir(), []string{"1", "self", fmt.Sprint(piler.pid), fmt.Sprint(victim.pid)}
	for _, c := range lockers {
		names = append(names, fmt.Sprint(c.pid))
	}
	for _, name := range names {
		if err := os.Symlink("/proc/"+name, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	command := exec.Command(podviewBinary(t), "reattach", "--host-proc", proc, "--mount", dir)
	var out output
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = command.Wait() }()
	waitLimited(t, start, victim)
	waitLimited(t, start, lockers...)
}

// TestReattachPrintsNames: a container's names do nothing to a terminal.
func TestReattachPrintsNames(t *testing.T) {
	needRoot(t)
	dead, dir := filepath.Join(t.TempDir(), "view"), filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dead)
	c := startIn(t, newGroup(t, podPath()+"/evil\x1b[2K\rpid 1 \x9b8m\a", limits{memoryMiB: enclosedMiB}), dead)
	crash(t, s)
	serveOn(t, dir)
	proc := t.TempDir()
	for _, name := range []string{"1", "self", fmt.Sprint(c.pid)} {
		if err := os.Symlink("/proc/"+name, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range [][]string{{"--dry-run"}, {}} {
		stdout, stderr, _ := runHere(t, exec.Command(podviewBinary(t), append([]string{"reattach", "--host-proc", proc, "--mount", dir}, flags...)...))
		if !strings.Contains(stdout, "evil") {
			t.Errorf("%q: it is not named: %q", flags, stdout)
		}
		for _, r := range stdout + stderr {
			if r != '\n' && (!strconv.IsPrint(r) || r == utf8.RuneError) {
				t.Fatalf("%q: %#x is printed in %q", flags, r, stdout+stderr)
			}
		}
	}
}
