package mountinfo

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]Mount{
		`36 35 98:0 /root /mnt2 rw,noatime master:1 - ext3 /dev/root rw`:                               {36, 35, "98:0", "/root", "/mnt2", "ext3"},
		`38 35 98:0 /a\011b /x rw - ext4 /dev/root rw`:                                                 {38, 35, "98:0", "/a\tb", "/x", "ext4"},
		`37 35 0:41 /proc/meminfo /a\040b\134c rw shared:2 - fuse.podview podview ro,user_id=0` + "\n": {37, 35, "0:41", "/proc/meminfo", `/a b\c`, ViewType},
		`1 1 0:2 / / rw - rootfs none rw`:                                                              {1, 1, "0:2", "/", "/", "rootfs"},
	} {
		if got, err := Parse(line); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: %+v (%v), want %+v", line, got, err, want)
		}
	}
	for _, line := range []string{
		`36 35 98:0 / /x rw - `, // no type
		`36 35 98:0 / /x rw`,
		`x 35 98:0 / /x rw - tmpfs tmpfs rw`,
		`36 x 98:0 / /x rw - tmpfs tmpfs rw`,
		`garbage`, "\n",
	} {
		if got, err := Parse(line); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(line)) {
			t.Errorf("%q: %+v, %v; want an error that quotes it", line, got, err)
		}
	}
	if got, err := Parse(""); got != nil || err != nil {
		t.Errorf("no mounts: %+v, %v", got, err)
	}
}

// A container: its mounts' parents, up to the root's, which it can't see.
const container = `
500 400 0:50 / / rw - overlay overlay rw
501 500 0:51 / /proc rw - proc proc rw
502 501 0:41 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro
503 502 0:42 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro
504 500 0:52 / /sys ro - sysfs sysfs ro
505 504 0:41 /sys/devices/system/cpu /sys/devices/system/cpu ro - fuse.podview podview ro
506 505 0:53 / /sys/devices/system/cpu/cpu0/thermal_throttle ro - tmpfs tmpfs ro
`

func TestAt(t *testing.T) {
	for name, test := range map[string]struct {
		more, path string
		want       []int
	}{
		"nothing there":          {"", "/proc/stat", nil},
		"no such directory":      {"", "/mnt/x", nil},
		"the root":               {"", "/", []int{500}},
		"a stack":                {"", "/proc/meminfo", []int{502, 503}},
		"two levels further":     {"", "/sys/devices/system/cpu", []int{505}},
		"below a mount":          {"", "/sys/devices/system/cpu/cpu0/thermal_throttle", []int{506}},
		"two roots":              {"10 500 0:9 / / rw - tmpfs tmpfs rw", "/", []int{500, 10}},
		"another /proc hides it": {"510 501 0:54 / /proc rw - proc proc rw", "/proc/meminfo", nil},
		"hidden by a parent":     {"510 504 0:54 / /sys/devices rw - tmpfs none rw", "/sys/devices/system/cpu", nil},
		"another root hides all": {"510 500 0:54 / / rw - tmpfs none rw", "/proc/meminfo", nil},
		"a sibling does not":     {"510 504 0:54 / /sys/dev rw - tmpfs none rw", "/sys/devices/system/cpu", []int{505}},
		"a circle":               {"510 511 0:1 / /x rw - a a rw\n511 510 0:1 / /x rw - a a rw", "/x", nil},
	} {
		mounts := parse(t, container+test.more)
		if got := ids(At(mounts, test.path)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %s has %v, want %v", name, test.path, got, test.want)
		}
		slices.Reverse(mounts)
		if got := ids(At(mounts, test.path)); !slices.Equal(got, test.want) {
			t.Errorf("%s, from the end: %s has %v, want %v", name, test.path, got, test.want)
		}
	}
}

func TestIn(t *testing.T) {
	for path, want := range map[string]int{
		"/": 500, "/etc": 500, "/proc": 501, "/proc/stat": 501, "/proc/meminfo": 503,
		"/sys/devices/system/node": 504, "/sys/devices/system/cpu": 505, "/sys/devices/system/cpu/online": 505,
	} {
		if m, ok := In(parse(t, container), path); !ok || m.ID != want {
			t.Errorf("%s is in %+v, want %d", path, m, want)
		}
	}
	hidden := parse(t, container+"510 504 0:54 / /sys/devices rw - tmpfs none rw")
	if m, ok := In(hidden, "/sys/devices/system/cpu"); !ok || m.ID != 510 {
		t.Errorf("in %+v, not in what hides the mount there", m)
	}
	if m, ok := In(nil, "/proc"); ok {
		t.Errorf("no mounts: %+v", m)
	}
}

// chroot(2) leaves the mounts below the new root, without a root of their own.
func TestAtInChroot(t *testing.T) {
	mounts := parse(t, `501 26 0:51 / /proc rw - proc proc rw
502 501 0:41 /proc/meminfo /proc/meminfo ro - fuse.podview podview ro`)
	if got := ids(At(mounts, "/proc/meminfo")); !slices.Equal(got, []int{502}) {
		t.Errorf("%v", got)
	}
}

// The root of an initramfs is its own parent.
func TestAtInInitramfs(t *testing.T) {
	mounts := parse(t, "1 1 0:2 / / rw - rootfs none rw\n20 1 0:51 / /proc rw - proc proc rw")
	for path, want := range map[string]int{"/": 1, "/proc": 20} {
		if got := ids(At(mounts, path)); !slices.Equal(got, []int{want}) {
			t.Errorf("%s has %v", path, got)
		}
	}
	if got := ids(Children(mounts, mounts[0])); !slices.Equal(got, []int{20}) {
		t.Errorf("the root has %v on it", got)
	}
}

func TestChildren(t *testing.T) {
	mounts := parse(t, container)
	for path, want := range map[string][]int{
		"/sys/devices/system/cpu": {506},
		"/sys":                    {505},
		"/proc/meminfo":           nil,
	} {
		there := At(mounts, path)
		if got := ids(Children(mounts, there[len(there)-1])); !slices.Equal(got, want) {
			t.Errorf("%s has %v on it, want %v", path, got, want)
		}
	}
}

func parse(t *testing.T, text string) []Mount {
	t.Helper()
	mounts, err := Parse(strings.TrimPrefix(text, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return mounts
}

func ids(mounts []Mount) (all []int) {
	for _, m := range mounts {
		all = append(all, m.ID)
	}
	return all
}

func FuzzParse(f *testing.F) {
	f.Add(strings.TrimPrefix(container, "\n"), "/proc/meminfo")
	f.Add("1 1 0:2 / / rw - rootfs none rw", "/")
	f.Fuzz(func(t *testing.T, text, path string) {
		mounts, err := Parse(text)
		if err != nil {
			return
		}
		for _, m := range At(mounts, path) {
			if m.Point != path || m.FSType == "" {
				t.Errorf("%q at %q: %+v", text, path, m)
			}
		}
	})
}

// A pile of mounts is looked through once.
func TestPileOfMounts(t *testing.T) {
	mounts := parse(t, container)
	const pile = 100_000
	for i := range pile {
		m := Mount{ID: 1000 + i, Parent: 999 + i, Dev: "0:60", Root: "/", Point: "/proc", FSType: "tmpfs"}
		if i == 0 {
			m.Parent = 501
		}
		mounts = append(mounts, m)
	}
	x := NewIndex(mounts)
	for range 100 {
		if there := x.At("/proc"); len(there) != pile+1 || there[pile].ID != 999+pile {
			t.Fatalf("%d mounts at /proc", len(there))
		}
		if there := x.At("/proc/meminfo"); len(there) != 0 {
			t.Fatalf("%v shows at /proc/meminfo", there)
		}
		if m, ok := x.In("/proc/meminfo"); !ok || m.ID != 999+pile {
			t.Fatalf("/proc/meminfo is in %v", m)
		}
	}
}

func TestReadAtMost(t *testing.T) {
	file := t.TempDir() + "/mountinfo"
	line := "500 400 0:50 / / rw - overlay overlay rw\n"
	for text, ok := range map[string]bool{
		strings.Repeat(line, 10): true, strings.Repeat(line, 11): false,
		line[:8] + strings.Repeat("x", 11*lineBytes) + line[8:]: false,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if mounts, err := ReadAtMost(file, 10); (err == nil) != ok || !ok && !strings.Contains(err.Error(), file) {
			t.Errorf("%d lines, %d bytes: %d mounts, %v", strings.Count(text, "\n"), len(text), len(mounts), err)
		}
	}
}
