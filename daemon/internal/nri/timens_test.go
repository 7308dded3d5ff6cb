package nri

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
)

func namespaces(list ...string) (all []*api.LinuxNamespace) {
	for _, text := range list {
		kind, path, _ := strings.Cut(text, " ")
		all = append(all, &api.LinuxNamespace{Type: kind, Path: path})
	}
	return all
}

func TestClock(t *testing.T) {
	for name, test := range map[string]struct {
		namespaces []*api.LinuxNamespace
		pid        int
		ok         bool
	}{
		"its own processes":     {namespaces("pid", "mount"), 0, true},
		"the pod's":             {namespaces("mount", "pid /proc/4321/ns/pid"), 4321, true},
		"the host's":            {namespaces("mount", "ipc /proc/4321/ns/ipc"), 0, false},
		"nothing is told":       {nil, 0, false},
		"one that has a clock":  {namespaces("pid", "time /run/clock"), 0, false},
		"a new one of its own":  {namespaces("time", "pid"), 0, false},
		"a path that is no pid": {namespaces("pid /var/run/pidns/1"), 0, false},
		"nor is this":           {namespaces("pid /proc/self/ns/pid"), 0, false},
		"nor this":              {namespaces("pid /proc/0/ns/pid"), 0, false},
		"nor this either":       {namespaces("pid /proc/5/ns/net"), 0, false},
	} {
		if got, ok := clock(test.namespaces); ok != test.ok || ok && got.pid != test.pid {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}

// fakeClocks: it is second 100, process N started at second N.
type fakeClocks struct {
	starts []uint64
	files  []*os.File
	fail   error
}

// hostsPause is the pause container of a pod with hostPID.
const hostsPause = 66

// TestHostPID: containerd names the pause container's namespace.
func TestHostPID(t *testing.T) {
	f := &fakeClocks{}
	c := &api.Container{Id: "c", Name: "c", Linux: &api.LinuxContainer{Namespaces: namespaces("mount", fmt.Sprintf("pid /proc/%d/ns/pid", hostsPause))}}
	if path, err := f.namespaces().create(&api.PodSandbox{Id: "p"}, c); path != "" || err != nil || len(f.files) != 0 {
		t.Errorf("%q, %v, %d made; want none", path, err, len(f.files))
	}
}

func (f *fakeClocks) namespaces() *timeNamespaces {
	return &timeNamespaces{clocks: clocks{
		now:   func() (uint64, error) { return 100e9, nil },
		start: func(pid int) (uint64, error) { return uint64(pid) * 1e9, nil },
		hosts: func(pid int) (bool, error) { return pid == hostsPause, nil },
		make: func(start uint64) (*os.File, error) {
			if f.fail != nil {
				return nil, f.fail
			}
			file, err := os.Open(os.DevNull)
			f.starts, f.files = append(f.starts, start), append(f.files, file)
			return file, err
		},
	}, pid: 7, proven: map[runtimeKind]bool{}}
}

// open counts the files that are.
func (f *fakeClocks) open() (n int) {
	for _, file := range f.files {
		if _, err := file.Stat(); err == nil {
			n++
		}
	}
	return n
}

func create(t *testing.T, times *timeNamespaces, pod, name, id string, more ...string) bool {
	t.Helper()
	c := &api.Container{Id: id, Name: name, Linux: &api.LinuxContainer{Namespaces: namespaces(append([]string{"pid"}, more...)...)}}
	path, err := times.create(&api.PodSandbox{Id: pod}, c)
	if err != nil || path != "" && !strings.HasPrefix(path, "/proc/7/fd/") {
		t.Errorf("%s: %q, %v", id, path, err)
	}
	return path != ""
}

func TestTimeNamespaceLastsUntilTheStart(t *testing.T) {
	fake := &fakeClocks{}
	times := fake.namespaces()
	shared := &api.Container{Id: "b", Name: "b", Linux: &api.LinuxContainer{Namespaces: namespaces("pid /proc/42/ns/pid")}}
	if path, err := times.create(&api.PodSandbox{Id: "pod"}, shared); path == "" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	if !create(t, times, "pod", "a", "a") || !create(t, times, "pod", "c", "c") {
		t.Error("none was made")
	}
	if got := fmt.Sprint(fake.starts); got != "[42000000000 100000000000 100000000000]" {
		t.Errorf("they start at %s", got)
	}
	for i, end := range []func(){
		func() { times.started("a") }, func() { times.removed("b") }, func() { times.podRemoved("pod") },
	} {
		if got := fake.open(); got != 3-i {
			t.Errorf("%d are open before step %d", got, i)
		}
		end()
	}
	if got := fake.open(); got != 0 || len(times.tries) != 0 {
		t.Errorf("%d are open, %d remembered", got, len(times.tries))
	}
	fake.fail = errors.New("no")
	if path, err := times.create(&api.PodSandbox{Id: "pod"}, shared); path != "" || !errors.Is(err, fake.fail) {
		t.Errorf("%q, %v", path, err)
	}
}

// A runtime that can't join one refuses the container, and creates it without
// when the kubelet tries again.
func TestRuntimeThatRefuses(t *testing.T) {
	fake := &fakeClocks{}
	times := fake.namespaces()
	if !create(t, times, "pod", "app", "1") || !create(t, times, "other", "app", "2") {
		t.Error("none was given at first")
	}
	if create(t, times, "pod", "app", "3") {
		t.Error("given one after it did not start")
	}
	if create(t, times, "pod", "app", "4") {
		t.Error("given one after it did not start without either")
	}
	if !create(t, times, "third", "app", "5") {
		t.Error("nothing is proven yet, but another gets none")
	}
	times.started("4")
	if create(t, times, "fourth", "app", "6") {
		t.Error("given one by a runtime that refuses")
	}
	if !create(t, times, "fourth", "app", "7", "user /proc/1/ns/user") {
		t.Error("with a user namespace it is another question")
	}
}

// What does not start for another reason does not count for a runtime that
// has started one.
func TestRuntimeThatCan(t *testing.T) {
	times := (&fakeClocks{}).namespaces()
	create(t, times, "pod", "good", "1")
	create(t, times, "pod", "bad", "2")
	create(t, times, "pod", "bad", "3") // without
	times.started("1")
	times.started("3")
	if !create(t, times, "pod", "bad", "4") || !create(t, times, "pod", "bad", "5") {
		t.Error("none is given any more")
	}
	times.started("unknown")
	// A restart is no failure.
	times = (&fakeClocks{}).namespaces()
	for _, id := range []string{"1", "2", "3"} {
		if !create(t, times, "pod", "app", id) {
			t.Errorf("%s has none", id)
		}
		times.started(id)
	}
}

func TestTriesAreBounded(t *testing.T) {
	fake := &fakeClocks{}
	times := fake.namespaces()
	for i := range maxTries + 10 {
		create(t, times, fmt.Sprint("pod", i), "app", fmt.Sprint(i))
	}
	if got := fake.open(); got != maxTries || len(times.tries) != maxTries {
		t.Errorf("%d are open, %d remembered", got, len(times.tries))
	}
	times.started("0") // forgotten
	times.started("10")
	if got := fake.open(); got != maxTries-1 {
		t.Errorf("%d are open", got)
	}
}
