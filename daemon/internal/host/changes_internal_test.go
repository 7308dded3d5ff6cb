package host

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// report is what the kernel sends of a file: of one that has a name where
// infoType is FAN_EVENT_INFO_TYPE_DFID_NAME.
func report(infoType byte, name string) []byte {
	handle := make([]byte, 8)
	info := []byte{infoType, 0, 0, 0}
	info = append(info, make([]byte, 8)...) // fsid
	info = binary.NativeEndian.AppendUint32(info, uint32(len(handle)))
	info = binary.NativeEndian.AppendUint32(info, 0xfe) // handle_type
	info = append(info, handle...)
	info = append(info, name...)
	info = append(info, 0)
	for len(info)%4 != 0 { // the kernel pads with zeros
		info = append(info, 0)
	}
	binary.NativeEndian.PutUint16(info[2:], uint16(len(info)))
	return append(metadata(len(info)), info...)
}

func metadata(infoBytes int) []byte {
	m := make([]byte, unix.FAN_EVENT_METADATA_LEN)
	binary.NativeEndian.PutUint32(m, uint32(len(m)+infoBytes))
	m[4] = unix.FANOTIFY_METADATA_VERSION
	return m
}

func TestHasChange(t *testing.T) {
	const named, unnamed = unix.FAN_EVENT_INFO_TYPE_DFID_NAME, unix.FAN_EVENT_INFO_TYPE_FID
	quiet := slices.Concat(report(named, "memory.events"), report(named, "memory.events.local"), report(named, "cgroup.events"))
	tooLong := report(named, "memory.events")
	binary.NativeEndian.PutUint32(tooLong[unix.FAN_EVENT_METADATA_LEN+12:], 1<<31)
	for name, test := range map[string]struct {
		reports []byte
		want    bool
	}{
		"nothing":                      {nil, false},
		"event files":                  {quiet, false},
		"a limit":                      {report(named, "memory.max"), true},
		"a process moved, among those": {slices.Concat(quiet, report(named, "cgroup.procs"), quiet), true},
		"no name is told":              {report(unnamed, ""), true},
		"reports were lost":            {metadata(0), true},
		"cut off":                      {quiet[:len(quiet)-1], true},
		"shorter than its head":        {append(quiet[:len(quiet):len(quiet)], 1, 0, 0, 0), true},
		"of no length":                 {make([]byte, unix.FAN_EVENT_METADATA_LEN), true},
		"a handle beyond its end":      {tooLong, true},
	} {
		if got := hasChange(test.reports); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// TestWithoutReports: where nothing is reported each count is another, also
// when the reports end all of a sudden.
func TestWithoutReports(t *testing.T) {
	unreported := map[string]*Changes{
		"not a cgroup file system": NewChanges([]string{t.TempDir()}),
		"no such directory":        NewChanges([]string{"/nonexistent"}),
	}
	closed := NewChanges(nil)
	if closed.Reports() == nil { // of no directory
		if a, b := closed.Count(), closed.Count(); a != b {
			t.Errorf("counts %d and %d, but nothing was changed", a, b)
		}
		end, err := unix.Open("/proc/self/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0) // reading it is EIO
		if err == nil {
			err = unix.Dup3(end, closed.group, unix.O_CLOEXEC)
			unix.Close(end)
		}
		if err != nil {
			t.Fatal(err)
		}
		unreported["an error"] = closed
	}
	for name, changes := range unreported {
		for range 3 {
			if a, b := changes.Count(), changes.Count(); a == b || a == 0 {
				t.Errorf("%s: counts %d and %d", name, a, b)
			}
		}
		if changes.Reports() == nil {
			t.Errorf("%s: reports are promised", name)
		}
		changes.Rest()
	}
}

func TestCountAfterRest(t *testing.T) {
	changes := NewChanges(nil)
	before := changes.Count()
	changes.Rest()
	if changes.group >= 0 {
		t.Error("the reports go on")
	}
	changes.Rest()
	if changes.Count() == before {
		t.Error("what happened meanwhile is not counted")
	}
	changes.Rest()
}
