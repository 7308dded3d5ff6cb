package procfile

import (
	"strconv"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// FuzzRender gives every file any host bytes and any figures.
func FuzzRender(f *testing.F) {
	for _, file := range All {
		f.Add(recorded(f, file.Path), uint64(256<<20), uint64(1<<20), uint8(1), uint8(7))
	}
	f.Add(recorded(f, meminfoPath), uint64(1<<63), uint64(1), uint8(3), uint8(3))
	f.Add([]byte(hostX86), uint64(0), uint64(1<<63), uint8(2), uint8(0))
	f.Add([]byte(hostARM), uint64(1), uint64(1), uint8(1), uint8(0))
	f.Add([]byte(hostS390), uint64(1), uint64(1), uint8(1), uint8(0))
	f.Add([]byte(swapsOfHost), uint64(1<<30), uint64(2<<30), uint8(0), uint8(2))
	f.Add(recorded(f, "node0/meminfo"), uint64(1<<30), uint64(1<<63), uint8(0), uint8(1))
	procMeminfo := recorded(f, meminfoPath)
	f.Fuzz(func(t *testing.T, host []byte, total, figure uint64, cpus, flags uint8) {
		c := fuzzContainer(host, total, figure, cpus, flags)
		for _, file := range All {
			out, err := file.Append(nil, host, c)
			if err != nil {
				if !strings.HasPrefix(err.Error(), file.Path+": ") {
					t.Errorf("error %q does not name %s", err, file.Path)
				}
				continue
			}
			noDisks := file == &diskstats && len(host) == 0
			if !noDisks && (len(out) == 0 || out[len(out)-1] != '\n') {
				t.Errorf("%s: %q", file.Path, out)
			}
			if file == &meminfo {
				checkMeminfo(t, string(host), string(out))
			}
		}
		if out, err := AppendNodeMeminfo(nil, host, procMeminfo, NodeShare{AllKB: 7, OwnKB: 3}, c); err == nil {
			checkNumbers(t, string(host), string(out))
		}
	})
}

func fuzzContainer(host []byte, total, figure uint64, cpus, flags uint8) *view.Container {
	s := cgroup.MemoryStat{AnonBytes: figure, ShmemBytes: figure, FileBytes: figure, ActiveAnonBytes: figure,
		ActiveFileBytes: figure, SlabReclaimableBytes: figure, SlabUnreclaimableBytes: figure, SwapCachedBytes: figure}
	c := &view.Container{
		Memory: view.Memory{
			Limited: flags&1 != 0, TotalBytes: total, FreeBytes: figure, AvailableBytes: figure,
			SwapLimited: flags&2 != 0, SwapTotalBytes: total, SwapFreeBytes: figure, Stat: s,
		},
		CPUs:       view.CPUs{All: flags&4 != 0},
		UptimeNsec: total,
		Load:       view.Load{Averages: [3]uint64{total, figure, 0}, Running: int(figure), Total: int(total), LastPID: int(total)},
		IO:         []cgroup.DeviceIO{{Major: uint32(cpus), Minor: 0, ReadBytes: total, WriteIOs: figure}},
		Raw:        host,
	}
	for i := range int(cpus) % 9 {
		c.CPUs.Shown = append(c.CPUs.Shown, i*(1+int(flags)/16))
		c.Times = append(c.Times, view.CPUTimes{UserNsec: total, SystemNsec: figure, IdleNsec: total})
	}
	return c
}

func checkMeminfo(t *testing.T, host, out string) {
	t.Helper()
	checkNumbers(t, host, out)
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "MemTotal" {
			continue
		}
		digits, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if n, err := strconv.ParseUint(digits, 10, 64); err != nil || n == 0 {
			t.Errorf("line %q", line)
		}
		return
	}
	t.Errorf("no MemTotal in %q", out)
}

// checkNumbers: a number as large as a wrapped subtraction gives is one that
// the host's file already has.
func checkNumbers(t *testing.T, host, out string) {
	t.Helper()
	for word := range strings.FieldsSeq(out) {
		if n, err := strconv.ParseUint(word, 10, 64); err == nil && n > 1<<60 && !strings.Contains(host, word) {
			t.Errorf("%q in %q", word, out)
		}
	}
}
