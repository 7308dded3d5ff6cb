package procfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// recorded is a file of /proc of a Linux 6.18 machine with 2 CPUs and 24 GB.
func recorded(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/host", strings.TrimPrefix(path, "/proc/")))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// container has every part filled, with limits below the recorded machine's.
func container() *view.Container {
	return &view.Container{
		Memory: view.Memory{
			Limited: true, TotalBytes: 256 << 20, FreeBytes: 100 << 20, AvailableBytes: 150 << 20,
			SwapLimited: true, SwapTotalBytes: 64 << 20, SwapFreeBytes: 60 << 20,
			Stat: cgroup.MemoryStat{AnonBytes: 80 << 20, FileBytes: 70 << 20, ShmemBytes: 5 << 20},
		},
		CPUs: view.CPUs{Shown: []int{1}, CapacityNsecPerSec: 5e8},
		Times: []view.CPUTimes{
			{UserNsec: 1_239_999_999, SystemNsec: 20_000_000, IdleNsec: 3_000_000_000},
		},
		UptimeNsec: 12_345_678_901,
		Load:       view.Load{Running: 2, Total: 30, LastPID: 41, Blocked: 1, Averages: [3]uint64{view.FixedOne, 512, 1}},
		IO: []cgroup.DeviceIO{
			{Major: 254, Minor: 0, ReadBytes: 1024, WriteBytes: 4096, DiscardBytes: 512, ReadIOs: 1, WriteIOs: 2, DiscardIOs: 3},
		},
		Raw: []byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"),
	}
}

// mustAppend renders into a dst that is not empty, which must stay, as must host.
func mustAppend(t *testing.T, f *File, host string, c *view.Container) string {
	t.Helper()
	input := []byte(host)
	out, err := f.Append([]byte("dst:"), input, c)
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	rendered, ok := strings.CutPrefix(string(out), "dst:")
	if !ok {
		t.Fatalf("%s: what was in dst is gone: %q", f.Path, out)
	}
	if string(input) != host {
		t.Fatalf("%s: the host's bytes were modified: %q", f.Path, input)
	}
	return rendered
}

func TestAllIsPathsAll(t *testing.T) {
	files := map[string]*File{}
	for _, f := range All {
		if files[f.Path] != nil {
			t.Errorf("%s is there twice", f.Path)
		}
		files[f.Path] = f
		if f.Needs == 0 || f.Append == nil || len(f.Fields) == 0 {
			t.Errorf("%s lacks Needs, Append or Fields", f.Path)
		}
		for _, field := range f.Fields {
			if field.Name == "" || field.Formula == "" || field.NoLimit == "" {
				t.Errorf("%s: field %+v lacks a name, formula or meaning without limit", f.Path, field)
			}
		}
	}
	for _, p := range paths.All {
		if !p.Dir && files[p.Path] == nil {
			t.Errorf("paths.All has %s, procfile.All does not", p.Path)
		}
		delete(files, p.Path)
	}
	for path := range files {
		t.Errorf("procfile.All has %s, paths.All does not", path)
	}
}

// In these files every line starts with the name of a field.
func TestEveryRecordedFieldIsDocumented(t *testing.T) {
	for _, f := range []*File{&meminfo, &stat, &pressureCPU, &pressureIO, &pressureMemory, &slabinfo, &swaps} {
		documented := map[string]bool{}
		for _, field := range f.Fields {
			documented[field.Name] = true
		}
		for i, line := range strings.Split(strings.TrimSpace(string(recorded(t, f.Path))), "\n") {
			for _, name := range fieldNames(f, i, line) {
				if !documented[name] {
					t.Errorf("%s: field %q is not documented", f.Path, name)
				}
			}
		}
	}
}

func fieldNames(f *File, lineNumber int, line string) []string {
	switch f {
	case &swaps:
		return strings.Fields(line) // the header
	case &slabinfo:
		return []string{[]string{"slabinfo - version", "# name", "caches", "caches", "caches"}[lineNumber]}
	case &stat:
		if isNumberedCPU([]byte(strings.Fields(line)[0])) {
			return []string{"cpuN"}
		}
	}
	name, _, _ := strings.Cut(line, " ")
	return []string{strings.TrimSuffix(name, ":")}
}

func TestRenderDoesNotAllocate(t *testing.T) {
	c := container()
	for _, f := range []*File{&meminfo, &stat, &uptime, &loadavg, &diskstats, &swaps, &slabinfo, &pressureCPU} {
		host := recorded(t, f.Path)
		dst := make([]byte, 0, 64<<10)
		n := testing.AllocsPerRun(100, func() {
			if _, err := f.Append(dst, host, c); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per read", f.Path, n)
		}
	}
}

// TestAloneFilesIgnoreTheHost, and the others do not; of slabinfo the header
// is the same without.
func TestAloneFilesIgnoreTheHost(t *testing.T) {
	c := container()
	for _, f := range All {
		with, errWith := f.Append(nil, recorded(t, f.Path), c)
		without, errWithout := f.Append(nil, nil, c)
		same := errWith == nil && errWithout == nil && string(with) == string(without)
		if same != f.Alone && f != &slabinfo {
			t.Errorf("%s: Alone is %t, but with the host's bytes %q, %v, without %q, %v", f.Path, f.Alone, with, errWith, without, errWithout)
		}
	}
}
