package holder

import (
	"os"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/ledger"
)

// A request that is there at each death is not given to workers for ever.
func TestAnswerPoison(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	fd, err := fusedev.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Unmount(dir, unix.MNT_FORCE) // answers whoever waits
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	})
	shared, err := ledger.New(1)
	if err != nil {
		t.Fatal(err)
	}
	h := &Holder{Device: os.NewFile(uintptr(fd), "device"), Ledger: shared, Host: fuse.NewDefaultRawFileSystem}
	init, err := fusedev.NewConn(fd, h.Host(), fusedev.NewSlots(1)).Handshake()
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.SetInit(init); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		var st unix.Statfs_t
		_ = unix.Statfs(dir, &st)
		close(answered)
	}()
	slot := shared.Slots()[3]
	for death := 1; death <= loop; death++ {
		if death < 3 { // a worker takes it from the kernel; later ones find it
			if _, err := unix.Read(fd, slot); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-answered:
			t.Fatalf("answered after %d deaths", death-1)
		default:
		}
		h.answerPoison()
		if death == 1 {
			if err := fusedev.Resend(fd); err != nil {
				t.Skipf("this kernel does not send requests again: %v", err)
			}
			fusedev.Forget(shared.Slots(), shared.Lot())
		}
	}
	select {
	case <-answered:
	case <-time.After(10 * time.Second):
		t.Fatalf("no answer after %d deaths", loop)
	}
	if fusedev.RequestIn(slot) != 0 {
		t.Error("the request is still in its slot")
	}
}
