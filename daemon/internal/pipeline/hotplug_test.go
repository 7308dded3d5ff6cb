package pipeline

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// TestHotplugShowsAtOnce: the host's cpuinfo is kept only while the same CPUs
// are online.
func TestHotplugShowsAtOnce(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	p := r.pipeline(t, dir)
	p.MaxAge = time.Hour
	model := func(want string) {
		t.Helper()
		text, err := p.Read(nil, r.tid, cpuinfoPath)
		if err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("error %v, no %q in\n%s", err, want, text)
		}
	}
	model("QEMU TCG")
	text, err := os.ReadFile(dir + cpuinfoPath)
	must(t, err)
	must(t, os.WriteFile(dir+cpuinfoPath, bytes.ReplaceAll(text, []byte("QEMU TCG"), []byte("Another")), 0o644))
	must(t, os.WriteFile(dir+onlinePath, []byte("0\n"), 0o644))
	model("Another")
	must(t, os.WriteFile(dir+cpuinfoPath, text, 0o644))
	p.MaxAge = 0
	model("QEMU TCG")
}
