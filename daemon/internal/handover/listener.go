package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

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

// Listener offers a mount to successors.
type Listener struct {
	mount  Mount
	socket *net.UnixListener
	path   string
	wg     sync.WaitGroup
	taken  chan *Successor
	closed chan struct{}
}

// Listen offers m at the socket file at path until one takes it, which comes
// out of Taken, or Close. A socket file that is there already is replaced.
// Its directory is made; only root enters it.
func Listen(path string, m Mount) (*Listener, error) {
	if err := makePrivate(filepath.Dir(path)); err != nil {
		return nil, err
	}
	l := &Listener{mount: m, path: path, taken: make(chan *Successor, 1), closed: make(chan struct{})}
	err := atSocket(path, func(short string) (err error) {
		fresh := fmt.Sprintf("%s.%d", short, os.Getpid())
		_ = os.Remove(fresh)
		if l.socket, err = net.ListenUnix("unixpacket", &net.UnixAddr{Name: fresh, Net: "unixpacket"}); err != nil {
			return err
		}
		l.socket.SetUnlinkOnClose(false)
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

// Close ends the offer. The socket file stays: whoever serves next replaces
// it, and until then connecting to it is refused.
func (l *Listener) Close() {
	close(l.closed)
	l.socket.Close()
	l.wg.Wait()
}

// Remove removes a socket file that nobody will use again, and its directory.
func Remove(path string) {
	_ = os.Remove(path)
	_ = os.Remove(filepath.Dir(path))
}

// accept talks to one after the other, so that no two take the mount.
func (l *Listener) accept() {
	var said time.Time
	for {
		conn, err := l.socket.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptor is free, perhaps
			klog.ErrorS(err, "Can't hear a podview that asks for the mount")
			select {
			case <-l.closed:
			case <-time.After(time.Second):
			}
			continue
		}
		s, err := l.offer(peer{conn})
		if err == nil {
			l.socket.Close()
			l.taken <- s
			return
		}
		conn.Close()
		if time.Since(said) > time.Second { // whoever asks on and on does not fill the log
			said = time.Now()
			klog.ErrorS(err, "Somebody asked for the mount and did not get it")
		}
	}
}

// offer goes through the protocol to where the successor takes the mount.
func (l *Listener) offer(p peer) (*Successor, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	defer close(done)
	go func() { // Close must not wait for somebody who says nothing
		select {
		case <-l.closed:
			_ = p.conn.SetDeadline(time.Unix(1, 0))
		case <-done:
		}
	}()
	hello, files, err := p.receive(answerTimeout)
	closeAll(files)
	if err != nil {
		return nil, err
	}
	s := &Successor{peer: p, Version: hello.Version}
	m := message{Protocol: Protocol, Version: l.mount.Version, Layout: l.mount.Layout}
	if hello.Protocol != Protocol {
		m.Refused = fmt.Sprintf("hand-over protocol %d, this is %d", hello.Protocol, Protocol)
		return nil, errors.Join(fmt.Errorf("podview %s: %s", hello.Version, m.Refused), p.send(m))
	}
	m.Init = l.mount.Init
	if err := p.send(m, l.mount.Device, l.mount.Ledger); err != nil {
		return nil, err
	}
	take, files, err := p.receive(workTimeout)
	closeAll(files)
	if err == nil && !take.Take {
		err = errors.New("it does not take the mount")
	}
	s.Ledger = take.Ledger
	return s, err
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
		m, files, err := s.receive(0)
		closeAll(files)
		if err != nil {
			return released
		}
		released = released || m.Released
	}
}
