package pipeline

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// TestKernelLacks: what has no header says what the kernel says with PSI off,
// and the directory of NUMA nodes is there, and empty.
func TestKernelLacks(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	must(t, os.RemoveAll(dir+"/proc/pressure"))
	must(t, os.RemoveAll(dir+"/sys/fs/cgroup/ctr/cpu.pressure"))
	must(t, os.RemoveAll(dir+paths.NodeDir))
	p := r.pipeline(t, dir)
	for _, tid := range []int{r.tid, invisible} {
		if text, err := p.Read(nil, tid, "/proc/pressure/cpu"); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("pressure: %q, %v", text, err)
		}
		if names, err := p.List(tid, paths.NodeDir); err != nil || names == nil || len(names) != 0 {
			t.Errorf("%s: %v, %v", paths.NodeDir, names, err)
		}
		if _, err := p.List(tid, paths.NodeDir+"/node0"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a node: %v", err)
		}
	}
}
