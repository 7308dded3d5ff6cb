package pipeline

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

// TestLimitsAsOf: limits are read when the count of changes is another, and
// only then; those of a cpuset also when other CPUs are online.
func TestLimitsAsOf(t *testing.T) {
	recorded, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	recorded.lay(t, dir)
	p := recorded.pipeline(t, dir)
	r := p.requests.get(context.Background(), recorded.tid, meminfoPath, p.find(meminfoPath))
	must(t, p.identify(r))
	write := func(file, text string) { must(t, os.WriteFile(dir+"/sys/fs/cgroup/ctr/"+file, []byte(text), 0o644)) }
	at := func(changes, onlineSum, limitBytes, quotaUsec uint64, cpuset ...int) {
		t.Helper()
		r.changes, r.onlineSum = changes, onlineSum
		must(t, p.memoryLimit(r, cgroup.Place{Leaf: "/ctr", Root: "/ctr"}, true))
		must(t, p.cpuLimits(r))
		if r.memory.LimitBytes != limitBytes || r.limit.bandwidth.QuotaUsec != quotaUsec || !slices.Equal(r.limit.cpuset, cpuset) {
			t.Errorf("as of %d, online %d: %d bytes, %+v; want %d, %d, %d", changes, onlineSum, r.memory.LimitBytes, r.limit, limitBytes, quotaUsec, cpuset)
		}
	}
	write("memory.max", "1000\n")
	write("cpu.max", "10000 100000\n")
	write("cpuset.cpus.effective", "0\n")
	at(101, 1, 1000, 10000, 0)
	write("memory.max", "2000\n")
	write("cpu.max", "20000 100000\n")
	write("cpuset.cpus.effective", "0-1\n")
	at(101, 1, 1000, 10000, 0)
	at(101, 2, 1000, 20000, 0, 1)
	at(102, 1, 2000, 20000, 0, 1)
	write("cpuset.cpus.effective", "1\n")
	at(103, 1, 2000, 20000, 1)
}

func TestRememberedIsBounded(t *testing.T) {
	var m remembered[idKey, int]
	for i := range 2 * maxRemembered {
		key := idKey(strconv.Itoa(i))
		if got, ok := m.get(key, 0); ok {
			t.Fatalf("%d: got %d, which was never put", i, got)
		}
		m.put(key, 1, i)
		if got, ok := m.get(key, 1); !ok || got != i {
			t.Fatalf("%d: got %d, %t", i, got, ok)
		}
	}
	if len(m.values) > maxRemembered {
		t.Errorf("%d values", len(m.values))
	}
	m.forget()
	if got, ok := m.get(idKey(strconv.Itoa(2*maxRemembered-1)), 1); ok {
		t.Errorf("got %d, which is forgotten", got)
	}
}

// TestRememberedBytes: names and lists of CPUs count, new and in place of shorter
// ones.
func TestRememberedBytes(t *testing.T) {
	var m remembered[cpuKey, cpuLimits]
	key := func(i int) cpuKey { return cpuKey{cpuLeaf: strconv.Itoa(i)} }
	held := func() (bytes int) {
		for k, v := range m.values {
			bytes += k.Size() + 8*cap(v.value.cpuset)
		}
		return bytes
	}
	for _, cpus := range []int{1, 512} {
		for i := range maxRemembered - 1 {
			m.put(key(i), 1, cpuLimits{cpuset: make([]int, cpus)})
			if i%500 == 0 && (held() > maxRememberedBytes || held() != m.bytes) {
				t.Fatalf("%d lists of %d CPUs: %d bytes, counted as %d", i, cpus, held(), m.bytes)
			}
		}
	}
	m.forget()
	for i := range 3000 {
		m.put(cpuKey{cpuLeaf: fmt.Sprintf("%04096d", i)}, 1, cpuLimits{})
		if held() > maxRememberedBytes {
			t.Fatalf("%d bytes of names", held())
		}
	}
}

// TestNoLimitIsMissed: who reads after a limit was written has it, with many
// readers and writes at the same time.
func TestNoLimitIsMissed(t *testing.T) {
	c := cgrouptest.Start(t, podPath(3), "exec sleep 1000")
	p := openMachine(t)
	const firstMiB, lastMiB = 64, 1000
	c.LimitMemory(firstMiB << 20)
	var written atomic.Int64
	written.Store(firstMiB)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				atLeast := int(written.Load())
				var got int
				text, err := p.Read(nil, c.PID, meminfoPath)
				if _, _ = fmt.Sscanf(string(text), "MemTotal: %d kB", &got); err != nil || got>>10 < atLeast {
					t.Errorf("MemTotal is %d kB, error %v, after %d MiB was written", got, err, atLeast)
					return
				}
			}
		})
	}
	for mib := firstMiB + 1; mib <= lastMiB; mib++ {
		c.LimitMemory(mib << 20)
		written.Store(int64(mib))
	}
	close(done)
	readers.Wait()
	if got := fallbacks(t, p.Metrics); len(got) > 0 {
		t.Errorf("fell back: %q", got)
	}
}
