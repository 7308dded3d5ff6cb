package handover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// Mount is what changes hands.
type Mount struct {
	Version string // of the podview that serves it
	Layout  uint64 // of its ledger
	Init    []byte // the kernel's INIT request
	Device  *os.File
	Ledger  *os.File
}

// Greeter has Greet run by another process, to its end or ctx's.
type Greeter func(ctx context.Context, socket, tell *os.File) error

// Listener offers a mount to successors. It accepts no connection itself, and
// reads nothing from whom no greeter has heard.
type Listener struct {
	mount  Mount
	greet  Greeter
	socket *os.File
	path   string
	wg     sync.WaitGroup
	taken  chan *Successor
	busy   atomic.Bool
	ctx    context.Context
	stop   context.CancelFunc
}

// Listen offers m at the socket file at path until one takes it, which comes
// out of Taken, or Close. A socket file that is there already is replaced.
// Its directory is made; only root enters it. A greeter is run when somebody
// connects.
func Listen(path string, m Mount, greet Greeter) (*Listener, error) {
	if err := makePrivate(filepath.Dir(path)); err != nil {
		return nil, err
	}
	l := &Listener{mount: m, greet: greet, path: path, taken: make(chan *Successor, 1)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	err := atSocket(path, func(short string) (err error) {
		fresh := fmt.Sprintf("%s.%d", short, os.Getpid())
		_ = os.Remove(fresh)
		listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: fresh, Net: "unixpacket"})
		if err != nil {
			return err
		}
		defer listener.Close()
		listener.SetUnlinkOnClose(false)
		if l.socket, err = listener.File(); err != nil {
			return err
		}
		// Nobody knows the name yet, so there is no moment when others may
		// connect.
		if err = errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, short)); err != nil {
			err = errors.Join(err, os.Remove(fresh), l.socket.Close())
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l.wg.Go(l.accept)
	return l, nil
}

// makePrivate makes a directory that is root's alone, or makes it so.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if owner := st.Sys().(*syscall.Stat_t).Uid; !st.IsDir() || int(owner) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of uid %d: %v of uid %d", dir, os.Geteuid(), st.Mode(), owner)
	}
	return os.Chmod(dir, 0o700)
}

// Taken gets the successor that takes the mount.
func (l *Listener) Taken() <-chan *Successor { return l.taken }

// Busy tells whether somebody is being heard. It is not, if there is no offer.
func (l *Listener) Busy() bool { return l != nil && l.busy.Load() }

// Close ends the offer. The socket file stays: whoever serves next replaces
// it, and until then connecting to it is refused.
func (l *Listener) Close() {
	l.stop()
	// Closed while a greeter is being started, its number could be another
	// file's, which that would get.
	_ = l.socket.SetReadDeadline(time.Unix(1, 0))
	l.wg.Wait()
	l.socket.Close()
}

// Remove removes a socket file that nobody will use again, and its directory.
func Remove(path string) {
	_ = os.Remove(path)
	_ = os.Remove(filepath.Dir(path))
}

// accept has a greeter run whenever somebody waits, and talks to one after the
// other, so that no two take the mount.
func (l *Listener) accept() {
	var said time.Time
	for {
		l.busy.Store(false)
		s, err := l.next()
		if s != nil && err == nil {
			err = l.offer(s)
		}
		switch {
		case s != nil && err == nil:
			l.socket.Close()
			l.taken <- s
			return
		case s != nil:
			s.Close()
			err = fmt.Errorf("podview %s: %w", s.Version, err)
		}
		if l.ctx.Err() != nil {
			return
		}
		if err != nil && time.Since(said) > time.Second { // whoever asks on and on does not fill the log
			said = time.Now()
			klog.ErrorS(err, "Somebody asked for the mount and did not get it")
		}
		if s == nil && err != nil { // the next greeter may be well
			select {
			case <-l.ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// somebody returns when somebody waits to be accepted.
func (l *Listener) somebody() error {
	raw, err := l.socket.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return n != 0 || err != nil
	})
}

// next waits until somebody comes who is a successor; nil for somebody else.
func (l *Listener) next() (*Successor, error) {
	if err := l.somebody(); err != nil {
		return nil, err
	}
	l.busy.Store(true)
	told, tell, err := talk()
	if err != nil {
		return nil, err
	}
	defer told.Close()
	err = l.greet(l.ctx, l.socket, tell)
	tell.Close()
	if l.ctx.Err() != nil {
		return nil, l.ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("the process that hears who it is: %w", err)
	}
	return passedOn(told)
}

// offer goes through the protocol to where the successor takes the mount.
func (l *Listener) offer(s *Successor) error {
	// Close must not wait for somebody who says nothing. (A deadline could be
	// moved again by what is being done just then.)
	stop := context.AfterFunc(l.ctx, s.Close)
	defer stop()
	err := s.send(message{Protocol: Protocol, Version: l.mount.Version, Layout: l.mount.Layout, Init: l.mount.Init}, l.mount.Device, l.mount.Ledger)
	if err != nil {
		return err
	}
	said, err := s.hear(workTimeout)
	if err == nil && !said.has(wordTake) {
		err = errors.New("it does not take the mount")
	}
	s.Ledger = said.has(wordLedger)
	return err
}

// Successor is the podview that takes the mount.
type Successor struct {
	peer
	Version string
	// Ledger is set when it goes on with our ledger.
	Ledger bool
}

// Yield tells it that the mount is its own now.
func (s *Successor) Yield() error { return s.send(message{Yours: true}) }

// Close ends the connection.
func (s *Successor) Close() { s.conn.Close() }

// Ended waits until the connection ends, and tells whether the successor has
// released us before.
func (s *Successor) Ended() (released bool) {
	for {
		said, err := s.hear(0)
		if err != nil {
			return released
		}
		released = released || said.has(wordReleased)
	}
}

// What a successor says after its Hello, as all podviews write it.
const (
	wordTake     = `"take":true`
	wordLedger   = `"ledger":true`
	wordReleased = `"released":true`
)

// saidBytes is room for all words.
const saidBytes = 256

// said is a message that is searched for words, and not parsed.
type said []byte

func (s said) has(word string) bool { return bytes.Contains(s, []byte(word)) }

// hear takes the next message, cut to saidBytes; timeout 0 is for ever. Files
// that come with it are not taken.
func (p peer) hear(timeout time.Duration) (said, error) {
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	_ = p.conn.SetReadDeadline(deadline)
	text := make(said, saidBytes)
	n, _, _, _, err := p.conn.ReadMsgUnix(text, nil)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	}
	return text[:n], nil
}
