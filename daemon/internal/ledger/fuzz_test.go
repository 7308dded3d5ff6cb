package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/sample"
	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// letters says in each byte of a file who reads it.
type letters struct{}

const (
	containers = 3
	textBytes  = 3000
	middle     = 1000 // of a text
)

func letter(tid int) byte { return 'A' + byte(tid) }

func (letters) ReadOwned(dst []byte, tid int, _ string) ([]byte, uint64, error) {
	return append(dst, bytes.Repeat([]byte{letter(tid)}, textBytes)...), uint64(tid), nil
}

func (l letters) Read(dst []byte, tid int, path string) ([]byte, error) {
	text, _, err := l.ReadOwned(dst, tid, path)
	return text, err
}
func (letters) Stat(int, string) (uint32, bool, error)        { return 0, false, fs.ErrNotExist }
func (letters) List(int, string) (map[string]uint32, error)   { return nil, fs.ErrNotExist }
func (letters) Readlink(tid int, path string) (string, error) { return "", fs.ErrNotExist }

// used is a ledger that a worker has left behind, and what is in it.
type used struct {
	*Ledger
	handles [containers]uint64
	shown   [containers]view.CPUTimes
	// regions are where something is; each exec begins with what was there.
	regions []region
	null    *os.File
}

type region struct{ now, before []byte }

func (r region) changed() bool { return !bytes.Equal(r.now, r.before) }

func leave(f *testing.F) *used {
	f.Helper()
	l, err := New(2)
	if err != nil {
		f.Fatal(err)
	}
	u := &used{Ledger: l}
	if u.null, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		f.Fatal(err)
	}
	recorded, err := os.ReadFile("../fusedev/testdata/requests")
	if err != nil {
		f.Fatal(err)
	}
	var requests [][]byte
	for line := range strings.Lines(string(recorded)) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		r, err := hex.DecodeString(digits)
		if err != nil {
			f.Fatal(err)
		}
		requests = append(requests, r)
	}
	if err := l.SetInit(requests[0]); err != nil {
		f.Fatal(err)
	}
	copy(l.Slots()[1], requests[6]) // READ
	copy(l.Slots()[2], requests[3]) // LOOKUP
	w := work(l, 10*second)
	w.resume(l.Store())
	for tid := range containers {
		u.handles[tid] = w.open(f)
		w.read(f, u.handles[tid], tid, 0)
	}
	for range 2 { // both halves of the records
		u.shown = w.count(f)
		w.now += second
	}
	u.remember()
	return u
}

// remember takes the regions: the header, two slots, the first texts, the
// index of the records and the first of them.
func (u *used) remember() {
	const keptEvery, textPage = fusefs.KeptBytes / 256, 4096
	add := func(at, length int) {
		now := u.memory[at : at+length]
		u.regions = append(u.regions, region{now, slices.Clone(now)})
	}
	add(0, headerBytes)
	add(headerBytes+slotBytes, 256)
	add(headerBytes+2*slotBytes, 256)
	for i := range 2 * containers {
		add(u.keptAt()+i*keptEvery, textPage)
	}
	store := u.keptAt() + fusefs.KeptBytes
	add(store, 128<<10)
	add(store+128<<10, 8<<10)
}

const second = 1e9

// worker is one that goes on with a ledger.
type worker struct {
	files *fusefs.FS
	cpus  sample.CPUTable
	loads sample.LoadTable
	now   uint64
}

func work(l *Ledger, now uint64) *worker {
	w := &worker{files: fusefs.New(letters{}, paths.All), now: now}
	w.files.Resume(l.Kept(), l.Handle())
	return w
}

func (w *worker) resume(store *sample.Store) { w.cpus.Store, w.loads.Store = store, store }

// meminfo is the node of /proc/meminfo, which is the same in every podview.
const meminfo = 0x8918b20ae6ad5038

func (w *worker) open(t testing.TB) uint64 {
	t.Helper()
	out := &fuse.OpenOut{}
	if s := w.files.Open(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: meminfo}}, out); !s.Ok() {
		t.Fatal(s)
	}
	return out.Fh
}

// read fails unless the answer is of the container, and something.
func (w *worker) read(t testing.TB, handle uint64, tid int, offset uint64) {
	t.Helper()
	in := &fuse.ReadIn{Fh: handle, Offset: offset, Size: 4096, ReadFlags: 2}
	in.NodeId, in.Pid, in.Unique = meminfo, uint32(tid), handle<<8+offset
	buf := make([]byte, in.Size)
	n, status := w.files.ReadAt(in, buf)
	if want := bytes.Repeat([]byte{letter(tid)}, textBytes-int(offset)); !status.Ok() || !bytes.Equal(buf[:n], want) {
		t.Fatalf("container %c, offset %d: %d bytes %.20q, %v", letter(tid), offset, n, buf[:n], status)
	}
}

// count gives each container's counters. Each is entitled to one CPU, and has
// used half of it.
func (w *worker) count(t testing.TB) (shown [containers]view.CPUTimes) {
	t.Helper()
	for tid := range containers {
		key := sample.Key{Root: "/" + string(letter(tid)), ID: uint64(tid)}
		times, _ := w.cpus.Observe(key, sample.CPUUsage{NowNsec: w.now, UptimeNsec: w.now,
			Time: &cgroup.CPUTime{UserNsec: w.now / 2}, CPUs: view.CPUs{Shown: []int{0}, CapacityNsecPerSec: second}}, nil)
		if len(times) != 1 {
			t.Fatalf("%d CPUs", len(times))
		}
		shown[tid] = times[0]
		load := w.loads.Watch(key, w.now, w.now, sample.Threads{Total: 2, Running: tid}, nil)
		if one := load.Averages[0]; one > containers*view.FixedOne {
			t.Fatalf("load %d of %d threads", one, tid)
		}
	}
	return shown
}

// goesOn is what must hold of each worker that comes after.
func (u *used) goesOn(t *testing.T, l *Ledger, now uint64) {
	w := work(l, now)
	fresh := w.open(t)
	if fresh == 0 || slices.Contains(u.handles[:], fresh) {
		t.Errorf("an open file gets the number %d; there are %d", fresh, u.handles)
	}
	for tid, handle := range u.handles {
		w.read(t, handle, tid, middle)
		w.read(t, handle, tid, 0)
	}
	w.read(t, fresh, 1, middle)
	if !slices.ContainsFunc(u.regions[len(u.regions)-2:], region.changed) {
		return // reading the records takes long, and is the same each time
	}
	w.resume(l.Store())
	for tid, now := range w.count(t) {
		// What it has lost it reckons anew, and that is the same.
		if total := now.UserNsec + now.IdleNsec; now.UserNsec != w.now/2 || total != w.now {
			t.Errorf("container %c: %+v after %d s, was %+v", letter(tid), now, w.now/second, u.shown[tid])
		}
	}
}

// step is how many of the fuzzer's bytes are one change.
const step = 9

// damage does what the fuzzer says: changes bytes, sets a range to a pattern,
// or copies one region into another.
func (u *used) damage(input []byte) {
	for ; len(input) >= step; input = input[step:] {
		at := u.regions[int(input[1])%len(u.regions)].now
		offset := int(binary.LittleEndian.Uint16(input[2:])) * 2 % len(at)
		length := min(int(binary.LittleEndian.Uint16(input[4:])), len(at)-offset)
		switch input[0] % 4 {
		case 0:
			at[offset] ^= input[6] | 1
		case 1:
			for i := range length {
				at[offset+i] = input[6+i%3]
			}
		case 2:
			copy(at[offset:], input[6:step])
		case 3:
			copy(at, u.regions[int(input[6])%len(u.regions)].now)
		}
	}
}

// FuzzLedger damages the memory that a worker has left. What the next one
// reads there is as it was, or is made anew; and never another container's.
func FuzzLedger(f *testing.F) {
	debug.SetGCPercent(1000) // Conn's buffers are large
	u := leave(f)
	for i := range u.regions {
		f.Add([]byte{0, byte(i), 0, 0, 0, 0, 1, 0, 0})
		f.Add([]byte{0, byte(i), 9, 0, 0, 0, 128, 0, 0, 0})
		f.Add([]byte{1, byte(i), 0, 0, 255, 255, 255, 255, 255})
		f.Add([]byte{1, byte(i), 0, 0, 255, 255, 0, 0, 0})
		f.Add([]byte{3, byte(i), 0, 0, 0, 0, byte(i) + 1, 0, 0, 0})
	}
	f.Add([]byte{1, 0, handleAt / 2, 0, 8, 0, 255, 255, 255})
	f.Add([]byte{1, 0, initBytesAt / 2, 0, 8, 0, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, r := range u.regions {
			copy(r.now, r.before)
		}
		u.damage(input)
		if u.regions[0].changed() || len(input)%step == 1 { // else it takes long for nothing
			u.reopen(t)
		}
		u.goesOn(t, u.Ledger, 13*second)
	})
}

// reopen is another process's worker.
func (u *used) reopen(t *testing.T) {
	head := !bytes.Equal(u.regions[0].now[:16], u.regions[0].before[:16])
	next, err := Open(u.File())
	if (err != nil) != head {
		t.Errorf("a changed head (%t) is opened with %v", head, err)
	}
	if err != nil {
		return
	}
	defer func() { _ = unix.Munmap(next.memory) }()         // Close would end the file of all
	if slices.ContainsFunc(u.regions[:3], region.changed) { // it takes megabytes
		u.answer(t, next)
	}
	u.goesOn(t, next, 12*second)
}

// answer is what a worker does first.
func (u *used) answer(t *testing.T, l *Ledger) {
	conn := fusedev.NewConn(int(u.null.Fd()), fusefs.New(letters{}, paths.All), l.Slots())
	if conn.Adopt(l.Init()) == nil {
		conn.AnswerPending()
		if slices.ContainsFunc(l.Slots(), func(s []byte) bool { return fusedev.RequestIn(s) != 0 }) {
			t.Error("a request is left")
		}
	}
}
