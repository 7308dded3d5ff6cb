package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// confined is a program that runs podview in a cgroup from its first moment,
// so that all it takes is counted there.
func confined(t *testing.T, g *group) (binary string) {
	t.Helper()
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n"
	for _, dir := range h.all {
		script += fmt.Sprintf("echo 0 >'%s/cgroup.procs' || exit\n", dir+g.path)
	}
	script += fmt.Sprintf("exec '%s' \"$@\"\n", podviewBinary(t))
	binary = filepath.Join(t.TempDir(), "podview")
	if err := os.WriteFile(binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return binary
}

// confinedServe runs podview serve in a cgroup, until the test's end.
func confinedServe(t *testing.T, g *group, dir string, flags ...string) *server {
	t.Helper()
	s, err := startServe(confined(t, g), dir, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		crash(t, s)
		for unix.Unmount(dir, unix.MNT_DETACH) == nil {
		}
	})
	return s
}

// mayDie takes their exemption from the OOM killer, as if podview had never had
// CAP_SYS_RESOURCE.
func mayDie(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := writeFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), "0"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOOMOfTheWholeCgroup: memory.oom.group kills all of a container but who is
// exempt.
func TestOOMOfTheWholeCgroup(t *testing.T) {
	needRoot(t)
	if h, err := machine(); err != nil || !h.v2() {
		t.Skip("cgroup v1 has no memory.oom.group")
	}
	for name, test := range map[string]struct {
		mayDie []string // podview's processes that are not exempt, beside those that never are
		after  func(t *testing.T, s *server, before []*container)
	}{
		"holder and guard are exempt": {nil, seenAgain},
		"the guard alone is exempt":   {[]string{"serve"}, startsMeanwhile},
		"nobody is exempt":            {[]string{"serve", "guard"}, reattachedLater},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, podPath()+"/"+ctrName("f"), limits{memoryMiB: 128, swapMiB: -1})
			g.write(t, "memory", "memory.oom.group", "1")
			dir := filepath.Join(t.TempDir(), "view")
			s := confinedServe(t, g, dir, "--leave-mounted", "--probe-address", freeAddress(t))
			s.child(t, "guard")
			before := []*container{enclosed(t, dir), enclosed(t, dir)}
			waitLimited(t, time.Now(), before...)
			for _, command := range test.mayDie {
				pid := s.cmd.Process.Pid
				if command != "serve" {
					pid = s.child(t, command)
				}
				mayDie(t, pid)
			}
			killed := []int{s.child(t, "worker"), s.child(t, "probes")}
			hog := startAgent(t, false)
			g.add(t, hog.pid)
			if err := hog.try("Touch", 256, &struct{}{}); err == nil {
				t.Fatal("256 MiB fit in 128")
			}
			for _, pid := range killed {
				eventually(t, fmt.Sprintf("the end of %d", pid), func() bool { return unix.Kill(pid, 0) != nil })
			}
			test.after(t, s, before)
			if events := g.read(t, "memory", "memory.events"); !strings.Contains(events, "oom_group_kill 1\n") {
				t.Errorf("not one kill of the whole group:\n%s", events)
			}
		})
	}
}

// seenAgain: the view is, by those who had it and by a new pod.
func seenAgain(t *testing.T, s *server, before []*container) {
	start := time.Now()
	waitLimited(t, start, append(before, enclosed(t, s.dir))...)
	t.Logf("after the kill all read again in %v", time.Since(start).Round(time.Millisecond))
	select {
	case <-s.exited:
		t.Errorf("the holder has ended: %v", s.cmd.ProcessState)
	default:
	}
}

// startsMeanwhile: a new pod does, on the host's files, and has its view when
// there is a podview again.
func startsMeanwhile(t *testing.T, s *server, before []*container) {
	<-s.exited
	start := time.Now()
	startsOnTheHost(t, s.dir)
	after := enclosed(t, s.dir)
	t.Logf("a new pod starts %v after the kill", time.Since(start).Round(time.Millisecond))
	start = time.Now()
	serveOn(t, s.dir, "--leave-mounted")
	waitLimited(t, start, append(before, after)...)
}

// reattachedLater: the dead mount stays, until the next podview.
func reattachedLater(t *testing.T, s *server, before []*container) {
	<-s.exited
	if r := before[0].tryRead(t, "/proc/meminfo"); r.Errno != unix.ENOTCONN {
		t.Errorf("without podview: %v", r.Errno)
	}
	start := time.Now()
	serveOn(t, s.dir, "--leave-mounted")
	waitLimited(t, start, append(before, enclosed(t, s.dir))...)
}
