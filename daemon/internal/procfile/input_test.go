package procfile

import (
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

// A host file that is not as the kernel prints it gives an error that names
// the file and quotes the text; the host's bytes are then served.
func TestBadHostFile(t *testing.T) {
	for _, test := range []struct {
		file        *File
		name, host  string
		quotedInErr string
	}{
		{&meminfo, "empty", "", `""`},
		{&meminfo, "cut short", "MemTotal:  24683620 kB\nMemFree:  2443", `MemFree:  2443"`},
		{&meminfo, "no MemTotal", "MemFree:  24431448 kB\n", "MemFree"},
		{&meminfo, "MemTotal 0", "MemTotal: 0 kB\n", "MemTotal: 0"},
		{&meminfo, "MemTotal 0, then again", "MemTotal: 0 kB\nMemTotal: 5 kB\n", "MemTotal: 0"},
		{&meminfo, "much text", strings.Repeat("MemFree: 1 kB\n", 1000), "MemFree"},
		{&meminfo, "MemTotal negative", "MemTotal: -5 kB\n", "MemTotal: -5"},
		{&meminfo, "MemTotal huge", "MemTotal: 18014398509481985 kB\n", "18014398509481985"},
		{&meminfo, "MemTotal no number", "MemTotal: kB\n", "MemTotal: kB"},
		{&meminfo, "CommitLimit no number", "MemTotal: 5 kB\nCommitLimit: ? kB\n", "CommitLimit"},
		{&meminfo, "MemTotalling", "MemTotalling: 5 kB\n", "MemTotalling"},
		{&stat, "empty", "", `""`},
		{&stat, "cut short", "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2", `cpu0 1 2"`},
		{&stat, "no cpu line", "ctxt 5\n", "no cpu line"},
		{&stat, "few columns", "cpu  1 2 3\n", `cpu  1 2 3\n`},
		{&stat, "two cpu lines", "cpu 1 2 3 4\ncpu 1 2 3 5\n", `cpu 1 2 3 5\n`},
		{&cpuinfo, "empty", "", `""`},
		{&cpuinfo, "cut short", "processor\t: 1\nvend", `vend"`},
		{&diskstats, "cut short", " 254 0 vda 97624 139", `139"`},
		{&diskstats, "few figures", " 254 0 vda 1 2 3 4\n", `1 2 3 4\n`},
		{&diskstats, "negative", "-254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n", "-254"},
		{&diskstats, "huge", "9 99999999999999999999 vda 1 2 3 4 5 6 7 8 9 10 11\n", "99999999999999999999"},
		{&diskstats, "blank line", "\n", `\n`},
		{&swaps, "empty", "", `""`},
		{&swaps, "no header", "/dev/sda1 partition\t8\t\t0\t\t-2\n", "/dev/sda1"},
		{&swaps, "cut short", swapsHeader + "/dev/sda1 parti", `parti"`},
		{&swaps, "no priority", swapsHeader + "/dev/sda1 partition\t8\t\t0\n", "/dev/sda1"},
		{&swaps, "negative size", swapsHeader + "/dev/sda1 partition\t-8\t\t0\t\t-2\n", "-8"},
	} {
		out, err := test.file.Append(nil, []byte(test.host), container())
		if err == nil {
			t.Errorf("%s, %s: no error, but %q", test.file.Path, test.name, out)
			continue
		}
		if !strings.HasPrefix(err.Error(), test.file.Path+": ") || !strings.Contains(err.Error(), test.quotedInErr) {
			t.Errorf("%s, %s: error %q lacks the file's name or %q", test.file.Path, test.name, err, test.quotedInErr)
		}
		if len(err.Error()) > 300 {
			t.Errorf("%s, %s: error of %d bytes", test.file.Path, test.name, len(err.Error()))
		}
	}
}

// A view that was not filled gives an error too, never a file of zeros.
func TestEmptyView(t *testing.T) {
	limited := &view.Container{Memory: view.Memory{Limited: true}}
	for f, c := range map[*File]*view.Container{
		&meminfo: limited, &stat: limited, &uptime: limited, &cpuinfo: limited, &pressureCPU: limited,
	} {
		if out, err := f.Append(nil, recorded(t, f.Path), c); err == nil {
			t.Errorf("%s of an empty view: %q", f.Path, out)
		}
	}
}
