package timens

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func now(t *testing.T) uint64 {
	t.Helper()
	nsec, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	return nsec
}

// In a namespace that began 1000 seconds ago a process reads that uptime, and
// it is in the one that the file keeps.
func TestMake(t *testing.T) {
	start := now(t)
	if start < 2000e9 {
		start = 0
	} else {
		start -= 1000e9
	}
	file, err := Make(start)
	if os.IsPermission(err) || os.Geteuid() != 0 {
		t.Skip("needs root: ", err)
	}
	if _, missing := os.Stat("/proc/self/ns/time"); missing != nil {
		if err == nil {
			t.Error("made one, and the kernel has none")
		}
		t.Skip(missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	least := now(t) - start
	uptime, ns := in(t, start)
	most := now(t) - start
	if got := uint64(uptime * 1e9); got+1e7 < least || got > most {
		t.Errorf("uptime %d, want %d to %d", got, least, most)
	}
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil || ns == own {
		t.Errorf("the child is in %s, we in %s, %v", ns, own, err)
	}
	kept, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	if err != nil || !strings.HasPrefix(kept, "time:[") || kept == own {
		t.Errorf("the file keeps %s, our own is %s, %v", kept, own, err)
	}
}

// in reads uptime and its namespace as a child in a new one.
func in(t *testing.T, start uint64) (uptime float64, ns string) {
	t.Helper()
	type result struct {
		out []byte
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		if err := Enter(start); err != nil {
			done <- result{nil, err}
			return
		}
		out, err := exec.Command("sh", "-c", "cat /proc/uptime; readlink /proc/self/ns/time").CombinedOutput()
		done <- result{out, err}
	}()
	r := <-done
	fields := strings.Fields(string(r.out))
	if r.err != nil || len(fields) != 3 {
		t.Fatalf("%v: %q", r.err, r.out)
	}
	uptime, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return uptime, fields[2]
}
