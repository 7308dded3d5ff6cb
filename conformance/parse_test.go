package conformance

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lines splits a file, which must end in a newline.
func lines(t testing.TB, file, text string) []string {
	t.Helper()
	body, ok := strings.CutSuffix(text, "\n")
	if !ok {
		t.Fatalf("%s does not end in a newline: %q", file, tail(text))
	}
	return strings.Split(body, "\n")
}

func tail(s string) string { return s[max(0, len(s)-60):] }

func number(t testing.TB, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%q is no number", text)
	}
	return n
}

var digits = regexp.MustCompile(`[0-9]+`)

// shape is a text without its figures and the padding before them: two reads
// of the same file have the same shape.
func shape(text string) string {
	return digits.ReplaceAllString(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' }), " "), "N")
}

// memoryFile is /proc/meminfo.
type memoryFile struct {
	keys []string // with the unit, in order
	kB   map[string]int
}

var memoryLine = regexp.MustCompile(`^([A-Za-z0-9_]+(?:\([a-z]+\))?): +([0-9]+)( kB)?$`)

func (p *process) meminfo(t testing.TB) memoryFile {
	t.Helper()
	return parseMeminfo(t, p.read(t, "/proc/meminfo"))
}

func parseMeminfo(t testing.TB, text string) memoryFile {
	t.Helper()
	m := memoryFile{kB: map[string]int{}}
	for _, line := range lines(t, "meminfo", text) {
		parts := memoryLine.FindStringSubmatch(line)
		if parts == nil {
			t.Fatalf("meminfo: not the kernel's format: %q", line)
		}
		m.keys = append(m.keys, parts[1]+parts[3])
		m.kB[parts[1]] = int(number(t, parts[2]))
	}
	return m
}

// usedMiB is what free(1) calls used and buff/cache.
func (m memoryFile) usedMiB() float64 { return float64(m.kB["MemTotal"]-m.kB["MemFree"]) / 1024 }

// statFile is /proc/stat.
type statFile struct {
	keys  []string // without the cpuN
	total []uint64 // the cpu line, in ticks of 10 ms
	cpus  []statCPU
	other map[string][]uint64
}

type statCPU struct {
	number int
	ticks  []uint64
}

// Columns of a cpu line (fs/proc/stat.c: show_stat).
const (
	user = iota
	nice
	system
	idle
	iowait
)

func (p *process) stat(t testing.TB) statFile {
	t.Helper()
	return parseStat(t, p.read(t, "/proc/stat"))
}

func parseStat(t testing.TB, text string) statFile {
	t.Helper()
	s := statFile{other: map[string][]uint64{}}
	for _, line := range lines(t, "stat", text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			t.Fatalf("stat: %q", line)
		}
		var values []uint64
		for _, w := range words[1:] {
			values = append(values, number(t, w))
		}
		key := words[0]
		if n, ok := strings.CutPrefix(key, "cpu"); ok && n != "" {
			s.cpus = append(s.cpus, statCPU{int(number(t, n)), values})
			continue
		}
		s.keys = append(s.keys, key)
		if key == "cpu" {
			s.total = values
		} else {
			s.other[key] = values
		}
	}
	if len(s.total) < 10 || len(s.cpus) == 0 {
		t.Fatalf("stat: no cpu lines as the kernel's: %q", text)
	}
	for _, cpu := range s.cpus {
		if len(cpu.ticks) != len(s.total) {
			t.Fatalf("stat: cpu%d has %d figures, cpu has %d", cpu.number, len(cpu.ticks), len(s.total))
		}
	}
	for _, key := range []string{"intr", "ctxt", "btime", "processes", "procs_running", "procs_blocked", "softirq"} {
		if len(s.other[key]) == 0 {
			t.Fatalf("stat: no %s: %q", key, text)
		}
	}
	return s
}

// busy is the ticks of a cpu line that were not idle.
func busy(ticks []uint64) (n uint64) {
	for i, v := range ticks[:8] { // guest time is in user already
		if i != idle && i != iowait {
			n += v
		}
	}
	return n
}

// stanza is one processor of /proc/cpuinfo.
type stanza struct {
	keys   []string
	values map[string]string
}

func (p *process) cpuinfo(t testing.TB) []stanza {
	t.Helper()
	text, ok := strings.CutSuffix(p.read(t, "/proc/cpuinfo"), "\n\n")
	if !ok {
		t.Fatalf("cpuinfo does not end in an empty line")
	}
	var stanzas []stanza
	for _, block := range strings.Split(text, "\n\n") {
		s := stanza{values: map[string]string{}}
		for _, line := range strings.Split(block, "\n") {
			key, value, ok := strings.Cut(line, ":")
			if !ok {
				t.Fatalf("cpuinfo: %q", line)
			}
			key = strings.TrimSpace(key)
			s.keys = append(s.keys, key)
			s.values[key] = strings.TrimSpace(value)
		}
		stanzas = append(stanzas, s)
	}
	return stanzas
}

// cpuList parses the kernel's list format: "0-1,3".
func (p *process) cpuList(t testing.TB, path string) []int {
	t.Helper()
	text := p.read(t, path)
	list := []int{}
	if text == "\n" {
		return list
	}
	for _, part := range strings.Split(lines(t, path, text)[0], ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		for n := number(t, first); n <= number(t, last); n++ {
			list = append(list, int(n))
		}
	}
	if !slices.IsSorted(list) {
		t.Fatalf("%s: %q", path, text)
	}
	return list
}
