package conformance

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Endure asks for readers of every file in Want until Rest, checking each
// reply where it is read.
type Endure struct {
	Want map[string]string // what each file must begin with
}

// Endured is what the readers saw.
type Endured struct {
	Reads    int
	Problems []string // the first few failed, torn or backward replies
	P50, P99 time.Duration
	Worst    time.Duration
}

// Endure reads on and on. Each file has a reader that opens it anew and one
// that keeps its descriptor and seeks back, as top does.
func (a *Agent) Endure(e Endure, out *Endured) error {
	var all []*enduringReader
	for path, want := range e.Want {
		for _, keep := range []bool{false, true} {
			all = append(all, &enduringReader{path: path, want: want, keep: keep})
		}
	}
	a.mu.Lock()
	rest := a.rest
	a.readers = all
	a.mu.Unlock()
	var mu sync.Mutex
	var took []time.Duration
	var readers sync.WaitGroup
	for _, r := range all {
		readers.Go(func() {
			r.run(rest)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, r.took...)
			out.Reads += len(r.took)
			if r.problem != "" {
				out.Problems = append(out.Problems, fmt.Sprintf("%s, kept open %t: %s", r.path, r.keep, r.problem))
			}
		})
	}
	readers.Wait()
	slices.Sort(took)
	if n := len(took); n > 0 {
		out.P50, out.P99, out.Worst = took[n/2], took[n*99/100], took[n-1]
	}
	return nil
}

// Answered returns when each reader that is still at it has had an answer since
// it was asked for.
func (a *Agent) Answered(_ struct{}, _ *struct{}) error {
	a.mu.Lock()
	readers := a.readers
	a.mu.Unlock()
	for _, r := range readers {
		for before := r.answers.Load(); r.answers.Load() == before && !r.ended.Load(); {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

type enduringReader struct {
	path, want string
	keep       bool
	file       *os.File
	last       []byte
	took       []time.Duration
	problem    string // the first
	answers    atomic.Uint64
	ended      atomic.Bool
}

func (r *enduringReader) run(rest <-chan struct{}) {
	defer r.ended.Store(true)
	for r.problem == "" {
		select {
		case <-rest:
			return
		case <-time.After(time.Millisecond): // leaves the machine to others
		}
		start := time.Now()
		text, err := r.read()
		r.took = append(r.took, time.Since(start))
		r.answers.Add(1)
		if err != nil {
			r.problem = err.Error()
		} else {
			r.problem = r.check(text)
		}
		r.last = text
	}
}

func (r *enduringReader) read() ([]byte, error) {
	if !r.keep {
		return os.ReadFile(r.path)
	}
	if r.file == nil {
		var err error
		if r.file, err = os.Open(r.path); err != nil {
			return nil, err
		}
	}
	buf := make([]byte, 64<<10)
	var text []byte
	for {
		n, err := r.file.ReadAt(buf, int64(len(text)))
		text = append(text, buf[:n]...)
		if n == 0 {
			if err != nil && err.Error() != "EOF" {
				return text, err
			}
			return text, nil
		}
	}
}

// check finds a reply that is another's, torn, or behind the one before.
func (r *enduringReader) check(text []byte) string {
	switch {
	case !strings.HasPrefix(string(text), r.want):
		return fmt.Sprintf("begins with %.80q, want %q", text, r.want)
	case !bytes.HasSuffix(text, []byte("\n")):
		return fmt.Sprintf("ends with %q", text[max(0, len(text)-40):])
	case r.last == nil:
		return ""
	case bytes.Count(text, []byte("\n")) != bytes.Count(r.last, []byte("\n")):
		return fmt.Sprintf("%d lines, before it %d", bytes.Count(text, []byte("\n")), bytes.Count(r.last, []byte("\n")))
	}
	now, before := counters(r.path, text), counters(r.path, r.last)
	for i := range now {
		if i < len(before) && now[i] < before[i] {
			return fmt.Sprintf("counter %d went from %g to %g", i, before[i], now[i])
		}
	}
	return ""
}

// counters are the figures of a file that only rise.
func counters(path string, text []byte) (figures []float64) {
	first, _, _ := strings.Cut(string(text), "\n")
	switch path {
	case "/proc/uptime", "/proc/stat":
		for _, field := range strings.Fields(first) {
			var f float64
			if n, _ := fmt.Sscan(field, &f); n == 1 {
				figures = append(figures, f)
			}
		}
	}
	return figures
}
