package fusedev_test

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/paths"
)

// Opcodes of linux/fuse.h.
const (
	opForget      = 2
	opGetattr     = 3
	opReadlink    = 5
	opRead        = 15
	opRelease     = 18
	opReaddir     = 28
	opInterrupt   = 36
	opNotifyReply = 41
	opBatchForget = 42
)

// meminfo is the node of /proc/meminfo, which is the same in every podview.
const meminfo = 0x8918b20ae6ad5038

// Sizes of struct fuse_in_header and fuse_out_header.
const (
	requestHeader = 40
	replyHeader   = 16
)

// containers read: all that one is told has its letter, and no other's. The
// host is tid 0.
const containers = 4

func letter(tid int) byte { return 'A' + byte(uint(tid)%containers) }

const textBytes = 3000

type lettered struct{}

func (lettered) ReadOwned(dst []byte, tid int, _ string) ([]byte, uint64, error) {
	for range textBytes {
		dst = append(dst, letter(tid))
	}
	return dst, uint64(letter(tid)), nil
}

func (l lettered) Read(dst []byte, tid int, path string) ([]byte, error) {
	text, _, err := l.ReadOwned(dst, tid, path)
	return text, err
}

func ownName(tid int) string { return fmt.Sprintf("of-%c", letter(tid)) }

func (lettered) Stat(tid int, path string) (uint32, bool, error) {
	switch path {
	case paths.CPUDir + "/" + ownName(tid), paths.CPUDir + "/online":
		return syscall.S_IFREG | 0o444, false, nil
	case paths.CPUDir + "/link":
		return syscall.S_IFLNK | 0o777, false, nil
	}
	return 0, false, fs.ErrNotExist
}

func (lettered) List(tid int, path string) (map[string]uint32, error) {
	if path != paths.CPUDir {
		return nil, fs.ErrNotExist
	}
	return map[string]uint32{ownName(tid): syscall.S_IFREG, "online": syscall.S_IFREG, "link": syscall.S_IFLNK}, nil
}

func (lettered) Readlink(tid int, _ string) (string, error) { return ownName(tid), nil }

// device is the kernel's end of a connection that is none: whole messages go
// both ways, as through /dev/fuse.
type device struct {
	kernel, daemon int
	files          *fusefs.FS
	init           []byte
	// readers of each handle, a bit for each container: a descriptor may be
	// passed on in the middle of a text.
	readers map[uint64]uint8
	reply   []byte
}

func newDevice(f testing.TB) *device {
	f.Helper()
	quiet(f)
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		unix.Close(ends[0])
		unix.Close(ends[1])
	})
	timeout := unix.Timeval{Sec: 60} // for a request that gets no answer
	if err := unix.SetsockoptTimeval(ends[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		f.Fatal(err)
	}
	d := &device{kernel: ends[0], daemon: ends[1], readers: map[uint64]uint8{}, reply: make([]byte, 1<<20)}
	d.init = recorded(f)[0]
	d.files = fusefs.New(lettered{}, paths.All)
	d.files.Resume(fusefs.NewKept(make([]byte, fusefs.KeptBytes)), new(atomic.Uint64))
	return d
}

// quiet drops the log, which tells of each broken request.
func quiet(f testing.TB) {
	f.Helper()
	log.SetOutput(io.Discard)
	flags := flag.NewFlagSet("", flag.PanicOnError)
	klog.InitFlags(flags)
	if err := flags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"}); err != nil {
		f.Fatal(err)
	}
	klog.SetOutput(io.Discard)
}

// connect makes a Conn that has answered INIT.
func (d *device) connect(f testing.TB, slots [][]byte) *fusedev.Conn {
	f.Helper()
	c := fusedev.NewConn(d.daemon, d.files, slots)
	if err := c.Adopt(d.init); err != nil {
		f.Fatal(err)
	}
	return c
}

// recorded are the requests of Linux 6.18 in testdata/requests, INIT first, and
// three that it sends seldom.
func recorded(f testing.TB) (requests [][]byte) {
	f.Helper()
	text, err := os.ReadFile("testdata/requests")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		request, err := hex.DecodeString(digits)
		if err != nil {
			f.Fatal(err)
		}
		requests = append(requests, request)
	}
	return append(requests, request(opForget, 7, 8), request(opInterrupt, 9, 8), request(opNotifyReply, 11, 40))
}

// request is one to the root directory, with so many bytes behind its header.
func request(opcode uint32, unique uint64, more int) []byte {
	r := make([]byte, requestHeader+more)
	binary.NativeEndian.PutUint32(r, uint32(len(r)))
	binary.NativeEndian.PutUint32(r[4:], opcode)
	binary.NativeEndian.PutUint64(r[8:], unique)
	r[16] = fuse.FUSE_ROOT_ID
	return r
}

func word(b []byte, at int) uint32   { return binary.NativeEndian.Uint32(b[at:]) }
func quad(b []byte, at int) uint64   { return binary.NativeEndian.Uint64(b[at:]) }
func opcodeOf(request []byte) uint32 { return word(request, 4) }

// answers is how many a request must and may get. FORGET and what is like it
// has none, INTERRUPT one that says that it did nothing. What has no header
// says nobody who waits.
func answers(request []byte) (least, most int) {
	if len(request) < requestHeader {
		return 0, 0
	}
	switch opcodeOf(request) {
	case opForget, opBatchForget, opNotifyReply:
		return 0, 0
	case opInterrupt:
		return 0, 1
	}
	return 1, 1
}

// accepts tells what is wrong with an answer, as the kernel would see it
// (fs/fuse/dev.c, fuse_dev_do_write), or another container.
func (d *device) accepts(request, reply []byte) error {
	errno := int32(word(reply, 4))
	switch payload := reply[replyHeader:]; {
	case errno > 0 || errno < -511:
		return fmt.Errorf("error %d", errno)
	case errno != 0 && len(payload) > 0:
		return fmt.Errorf("error %d with %d bytes", errno, len(payload))
	case errno != 0:
		return nil
	case opcodeOf(request) == opRead:
		if len(payload) > int(word(request, 56)) {
			return fmt.Errorf("%d bytes, asked for %d", len(payload), word(request, 56))
		}
		return d.own(d.readers[quad(request, 40)], payload)
	case opcodeOf(request) == opReaddir, opcodeOf(request) == opReadlink:
		for other := range containers {
			// What everybody may know is the host's.
			if own := letter(int(word(request, 32))); letter(other) != own && letter(other) != letter(0) &&
				strings.Contains(string(payload), ownName(other)) {
				return fmt.Errorf("container %c is told of %s", own, ownName(other))
			}
		}
	}
	return nil
}

// own tells whether a text is of one container, and that one of those who have
// read the file.
func (d *device) own(readers uint8, text []byte) error {
	for _, c := range text {
		if c != text[0] || c < 'A' || readers&(1<<(c-'A')) == 0 {
			return fmt.Errorf("text %c… has a %c, its readers are %04b", text[0], c, readers)
		}
	}
	return nil
}

// note remembers who reads a file.
func (d *device) note(request []byte) {
	if len(request) >= 80 && opcodeOf(request) == opRead {
		d.readers[quad(request, 40)] |= 1 << (letter(int(word(request, 32))) - 'A')
	}
}

// collect takes the answers that requests must get, and those more that are
// there already.
func (d *device) collect(t *testing.T, requests [][]byte) {
	t.Helper()
	must := 0
	for _, r := range requests {
		least, _ := answers(r)
		must += least
	}
	for flags := 0; ; {
		if must == 0 {
			flags = unix.MSG_DONTWAIT
		}
		n, _, err := unix.Recvfrom(d.kernel, d.reply, flags)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN && must == 0:
			return
		case err != nil:
			t.Fatalf("%d requests of %x have no answer: %v", must, requests, err)
		}
		reply := d.reply[:n]
		if n < replyHeader || int(word(reply, 0)) != n {
			t.Fatalf("an answer of %d bytes begins with % x", n, reply[:min(n, replyHeader)])
		}
		i, err := d.match(requests, reply)
		if err != nil {
			t.Fatalf("answer % x…: %v; the requests are %x", reply[:replyHeader], err, requests)
		}
		if least, _ := answers(requests[i]); least > 0 {
			must--
		}
		requests = slices.Delete(slices.Clone(requests), i, i+1)
	}
}

// match finds the request that an answer is for.
func (d *device) match(requests [][]byte, reply []byte) (int, error) {
	wrong := fmt.Errorf("nobody has asked as %d", quad(reply, 8))
	for i, r := range requests {
		if _, most := answers(r); most == 0 || quad(r, 8) != quad(reply, 8) {
			continue
		}
		if err := d.accepts(r, reply); err != nil {
			wrong = err
			continue
		}
		return i, nil
	}
	return 0, wrong
}
