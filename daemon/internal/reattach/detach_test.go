package reattach

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

func TestUnmasked(t *testing.T) {
	const (
		root = "100 90 0:30 / / rw - overlay overlay rw\n"
		proc = "101 100 0:31 / /proc rw,nosuid,nodev,noexec - proc proc rw\n"
		view = "110 101 0:32 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro\n"
	)
	for name, test := range map[string]struct {
		mountinfo string
		want      bool
	}{
		"nothing over it":     {root + proc, true},
		"the view over it":    {root + proc + view, true},
		"an own meminfo":      {root + proc + "110 101 8:1 /meminfo /proc/meminfo ro - ext4 /dev/vda rw\n", true},
		"a mask of a file":    {root + proc + view + "111 101 0:33 /null /proc/kcore rw - tmpfs tmpfs rw\n", false},
		"read-only /proc/sys": {root + proc + view + "111 101 0:31 /sys /proc/sys ro - proc proc rw\n", false},
		"masks elsewhere":     {root + proc + "111 100 0:34 / /sys/firmware ro - tmpfs tmpfs ro\n", true},
		"masks that another /proc hides": {root + proc + "111 101 0:33 /null /proc/kcore rw - tmpfs tmpfs rw\n" +
			"120 101 0:35 / /proc rw - proc proc rw\n", true},
		"no procfs":  {root, false},
		"not procfs": {root + "101 100 8:1 /p /proc rw - ext4 /dev/vda rw\n", false},
	} {
		mounts, err := mountinfo.Parse(test.mountinfo)
		if err != nil {
			t.Fatal(err)
		}
		if got := unmasked(mounts); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestFind(t *testing.T) {
	procfs := t.TempDir()
	for pid, cgroup := range map[string]string{
		"7": "0::/kubepods/pod1/abc\n", "9": "0::/kubepods/pod1/abc\n", "11": "0::/kubepods/pod1/abd\n", "self": "0::/kubepods/abd\n",
	} {
		if err := os.Mkdir(filepath.Join(procfs, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(procfs, pid, "cgroup"), []byte(cgroup), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(procfs, "12"), 0o755); err != nil { // it has ended
		t.Fatal(err)
	}
	for id, want := range map[string]int{"abc": 9, "abd": 11, "abe": 0, "": 0} {
		if got := Find(procfs, id); got != want {
			t.Errorf("%q: %d, want %d", id, got, want)
		}
	}
}
