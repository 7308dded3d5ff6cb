package pipeline

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"golang.org/x/tools/txtar"

	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/paths"
)

var update = flag.Bool("update", false, "rewrite the want/ files of daemon/testdata")

const (
	testdata = "../../testdata"
	maxAge   = 10 * time.Millisecond
)

// recorded is a case in daemon/testdata: the files of a host, a caller, and
// what it must read. daemon/README.md describes the format.
type recorded struct {
	archive      *txtar.Archive
	base         string
	removed      []string
	unreadable   []string
	tid          int
	bootSec      float64
	byCPUSet     bool
	nodeUptime   bool
	wantHost     []string // answered with the host's bytes
	wantFallback []string // "FILE STAGE" counted
}

func load(t testing.TB, file string) *recorded {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorded{archive: archive, tid: 77}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "base":
			r.base = value
		case "remove":
			r.removed = append(r.removed, value)
		case "unreadable":
			r.unreadable = append(r.unreadable, value)
		case "tid":
			r.tid, err = strconv.Atoi(value)
		case "boottime":
			r.bootSec, err = strconv.ParseFloat(value, 64)
		case "cpu-view":
			r.byCPUSet = value == "cpuset"
		case "uptime":
			r.nodeUptime = value == "node"
		case "host":
			r.wantHost = append(r.wantHost, value)
		case "fallback":
			r.wantFallback = append(r.wantFallback, value)
		}
		if err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
	}
	return r
}

// lay writes the base's and the case's own files below dir.
func (r *recorded) lay(t testing.TB, dir string) {
	t.Helper()
	base, err := txtar.ParseFile(filepath.Join(testdata, r.base+".base"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range slices.Concat(base.Files, r.archive.Files) {
		if !strings.HasPrefix(f.Name, "want/") {
			files[f.Name] = string(f.Data)
		}
	}
	for _, name := range r.removed {
		gone := 0
		for file := range maps.Keys(files) {
			if file == name || strings.HasPrefix(file, name+"/") {
				delete(files, file)
				gone++
			}
		}
		if gone == 0 {
			t.Fatalf("remove: %s is not in %s", name, r.base)
		}
	}
	for _, name := range r.unreadable { // reading a directory is an error
		delete(files, name)
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		if filepath.Base(filepath.Dir(name)) == "ns" {
			must(t, os.Symlink(strings.TrimSpace(text), file))
		} else {
			must(t, os.WriteFile(file, []byte(text), 0o644))
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *recorded) pipeline(t testing.TB, dir string) *Pipeline {
	t.Helper()
	root := host.Root{Proc: dir + "/proc", Sys: dir + "/sys", Cgroup: dir + "/sys/fs/cgroup"}
	p := open(t, root, keptFiles, maxAge, func() uint64 { return uint64(r.bootSec * 1e9) })
	p.ByQuota, p.NodeUptime = !r.byCPUSet, r.nodeUptime
	return p
}

func TestRecorded(t *testing.T) {
	cases, err := filepath.Glob(testdata + "/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			r, dir := load(t, file), t.TempDir()
			r.lay(t, dir)
			p := r.pipeline(t, dir)
			for i, want := range r.archive.Files {
				if name, ok := strings.CutPrefix(want.Name, "want"); ok {
					got, err := p.Read(nil, r.tid, name)
					if err != nil || string(got) != string(want.Data) && !*update {
						t.Errorf("%s: %v\n got:\n%s\nwant:\n%s", name, err, got, want.Data)
					}
					r.archive.Files[i].Data = got
				}
			}
			for _, name := range r.wantHost {
				got, err := p.Read(nil, r.tid, name)
				hosts, hostErr := os.ReadFile(p.Root.Path(name))
				if err != nil || hostErr != nil || string(got) != string(hosts) {
					t.Errorf("%s: %v, %v\n got:\n%s\nwant the host's:\n%s", name, err, hostErr, got, hosts)
				}
			}
			if got := fallbacks(t, p.Metrics); !slices.Equal(got, slices.Sorted(slices.Values(r.wantFallback))) {
				t.Errorf("fallbacks counted: %q, want %q", got, r.wantFallback)
			}
			if *update {
				must(t, os.WriteFile(file, txtar.Format(r.archive), 0o644))
			}
		})
	}
}

// fallbacks returns the counted ones as "FILE STAGE", sorted.
func fallbacks(t *testing.T, m *metrics.Metrics) []string {
	t.Helper()
	families, err := m.Registry().Gather()
	must(t, err)
	var got []string
	for _, family := range families {
		if family.GetName() != "podview_fallbacks_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			got = append(got, fmt.Sprintf("%s %s", label(metric, "file"), label(metric, "stage")))
		}
	}
	slices.Sort(got)
	return got
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// TestEveryFileIsRecorded: a file added to paths.All needs a case for both
// cgroup versions.
func TestEveryFileIsRecorded(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		archive, err := txtar.ParseFile(filepath.Join(testdata, version+".txtar"))
		must(t, err)
		for _, p := range paths.All {
			if !slices.ContainsFunc(archive.Files, func(f txtar.File) bool {
				return f.Name == "want"+p.Path || p.Dir && strings.HasPrefix(f.Name, "want"+p.Path+"/")
			}) {
				t.Errorf("%s.txtar has no want%s", version, p.Path)
			}
		}
	}
}
