package fusefs

import "testing"

// A read beside the close of its file can fill a snapshot that waits to be used
// again. Who gets it next must not be answered from that.
func TestReusedSnapshotsAreEmpty(t *testing.T) {
	table := newHandleTable()
	s := table.get(1)
	s.mu.Unlock()
	table.release(1)
	s.mu.Lock()
	s.text, s.has, s.length = append(s.text[:0], "another container's"...), true, 19
	s.mu.Unlock()
	next := table.get(2)
	defer next.mu.Unlock()
	if next.has || next.length != 0 || len(next.text) != 0 {
		t.Errorf("a new file has %q, %d bytes", next.text, next.length)
	}
}
