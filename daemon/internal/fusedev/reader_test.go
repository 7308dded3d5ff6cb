package fusedev

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// opGetattr is FUSE_GETATTR (linux/fuse.h).
const opGetattr = 3

// gated answers GETATTR when it may.
type gated struct {
	fuse.RawFileSystem
	may chan struct{}
}

func newGated() gated { return gated{fuse.NewDefaultRawFileSystem(), make(chan struct{})} }

func (g gated) GetAttr(<-chan struct{}, *fuse.GetAttrIn, *fuse.AttrOut) fuse.Status {
	<-g.may
	return fuse.OK
}

// TestTakenStaysInTheSlot: a process that is killed leaves its slots to the
// next. One whose reader comes to an end after its request was taken, and
// before it is answered, must have it there.
func TestTakenStaysInTheSlot(t *testing.T) {
	replies, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer replies.Close()
	slow, late := newGated(), newGated()
	slots := NewSlots(1)
	c := NewConn(int(replies.Fd()), slow, slots)
	c.late = newServer(late)
	request := slots[0]
	binary.NativeEndian.PutUint32(request, requestHeaderBytes+16)
	binary.NativeEndian.PutUint32(request[4:], opGetattr)
	binary.NativeEndian.PutUint64(request[8:], 42)
	r := &reader{conn: c, server: c.server, slot: request, watch: newWatch(true), reply: make([]byte, replyBufferBytes)}
	ended := make(chan bool)
	go func() { ended <- r.answer() }()
	for !r.isBusy() {
		time.Sleep(time.Millisecond)
	}
	r.look()
	taken, answered := r.take()
	if taken == nil {
		t.Fatal("a stuck request can't be taken")
	}
	go c.answerLate(taken, answered)
	close(slow.may)
	select {
	case <-ended:
		t.Fatal("the reader goes on before the request is answered")
	case <-time.After(50 * time.Millisecond):
	}
	if RequestIn(request) != 42 {
		t.Error("the request is not in the slot any more, and nobody has answered it")
	}
	close(late.may)
	<-ended
	if RequestIn(request) != 0 {
		t.Error("an answered request is still in the slot")
	}
	if st, err := replies.Stat(); err != nil || st.Size() == 0 || st.Size() > 200 {
		t.Errorf("want one reply, have %v bytes, %v", st.Size(), err)
	}
}
