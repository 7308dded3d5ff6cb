package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var diskstatsChecks = map[string]check{
	"the kernel's devices and columns": func(t *testing.T, p *process) {
		got, want := devices(t, p), devices(t, kernel())
		if len(got) != len(want) {
			t.Fatalf("%d devices, the kernel has %d", len(got), len(want))
		}
		for i := range want {
			if !slices.Equal(got[i][:3], want[i][:3]) || len(got[i]) != len(want[i]) {
				t.Errorf("%q, the kernel has %q", got[i], want[i])
			}
			for _, counter := range got[i][3:] {
				number(t, counter)
			}
		}
	},
	"no more than the host": func(t *testing.T, p *process) {
		got, host := devices(t, p), devices(t, kernel())
		for i := range min(len(got), len(host)) {
			for _, column := range []int{3, 5, 7, 9} { // reads, sectors read, writes, sectors written
				if number(t, got[i][column]) > number(t, host[i][column]) {
					t.Errorf("%s column %d: %s, the host has %s", got[i][2], column, got[i][column], host[i][column])
				}
			}
		}
	},
}

// devices is the columns of each line of /proc/diskstats.
func devices(t testing.TB, p *process) (all [][]string) {
	t.Helper()
	text := p.read(t, "/proc/diskstats")
	if text == "" {
		return nil // a machine without block devices
	}
	for _, line := range lines(t, "diskstats", text) {
		columns := strings.Fields(line)
		if len(columns) < 14 {
			t.Fatalf("diskstats: %q", line)
		}
		all = append(all, columns)
	}
	return all
}

// sectorsWritten is the sum over the devices, in 512 bytes each.
func sectorsWritten(t testing.TB, p *process) (sum uint64) {
	t.Helper()
	for _, columns := range devices(t, p) {
		sum += number(t, columns[9])
	}
	return sum
}

func TestDiskstatsAreTheContainers(t *testing.T) {
	const mib, sectorsPerMiB = 8, 2048
	writer, sleeper := startContainer(t, limits{}), startContainer(t, limits{})
	file := filepath.Join(t.TempDir(), "written")
	if disk := os.Getenv("SCRATCH_DISK"); disk != "" { // to be overwritten: the VM has one
		file = disk
	}
	if h, err := machine(); err == nil && !h.v2() {
		// Since Linux 6.10 v1 counts only where some throttle limit is set.
		var dir unix.Stat_t
		if err := unix.Stat(filepath.Dir(file), &dir); err != nil {
			t.Fatal(err)
		}
		limit := fmt.Sprintf("%d:%d %d", unix.Major(dir.Dev), unix.Minor(dir.Dev), 1<<40)
		if err := writeFile(writer.group.file(t, "blkio", "blkio.throttle.write_bps_device"), limit); err != nil {
			t.Skipf("%s is not on a whole block device: %v", file, err)
		}
	}
	before, asleep := sectorsWritten(t, writer.process), sectorsWritten(t, sleeper.process)
	hostBefore := sectorsWritten(t, kernel())
	var errno syscall.Errno
	writer.call(t, "WriteDirect", struct {
		Path string
		MiB  int
	}{file, mib}, &errno)
	if errno != 0 || sectorsWritten(t, kernel()) < hostBefore+mib*sectorsPerMiB {
		t.Skipf("%s is not on a block device (%v)", file, errno)
	}
	if got := sectorsWritten(t, writer.process) - before; got < mib*sectorsPerMiB || got > 2*mib*sectorsPerMiB {
		t.Errorf("%d sectors written by the container that wrote %d", got, mib*sectorsPerMiB)
	}
	if got := sectorsWritten(t, sleeper.process) - asleep; got != 0 {
		t.Errorf("%d sectors written by a container that sleeps", got)
	}
}
