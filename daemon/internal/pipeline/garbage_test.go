//go:build !race

// The race detector allocates; make unit runs these tests without it, too.

package pipeline

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestNoGarbage: a read of any file leaves nothing to collect, once its
// container is known; on hosts that lack some files too. A fallback may, for
// its error.
func TestNoGarbage(t *testing.T) {
	cases, err := filepath.Glob(testdata + "/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		r, dir := load(t, name), t.TempDir()
		if len(r.wantFallback) > 0 {
			continue
		}
		r.lay(t, dir)
		p := r.pipeline(t, dir)
		for _, want := range r.archive.Files {
			if file, ok := strings.CutPrefix(want.Name, "want"); ok {
				t.Run(filepath.Base(name)+file, func(t *testing.T) { wantNoGarbage(t, p, r.tid, file) })
			}
		}
	}
}

// TestNoGarbageLive is on this machine's kernel, from its own container.
func TestNoGarbageLive(t *testing.T) {
	c := pods(t, 1)[0]
	p := openMachine(t)
	p.FirstCPUs = true // cpu0's files are among them
	for _, file := range benchFiles {
		t.Run(file, func(t *testing.T) {
			if _, err := p.hostFile(nil, file); err != nil {
				t.Skip(err)
			}
			wantNoGarbage(t, p, c.PID, file)
		})
	}
	if got := fallbacks(t, p.Metrics); len(got) > 0 {
		t.Errorf("fell back: %q", got)
	}
}

func wantNoGarbage(t *testing.T, p *Pipeline, tid int, file string) {
	t.Helper()
	var buf []byte
	read := func() {
		var err error
		if buf, err = p.Read(buf[:0], tid, file); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 { // pools fill
		read()
	}
	if n := testing.AllocsPerRun(200, read); n != 0 {
		t.Errorf("%v allocations per read", n)
	}
}
