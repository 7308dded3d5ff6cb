package handover

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNobody: no podview offers a mount at the socket.
var ErrNobody = errors.New("nobody listens")

// ErrGone: the predecessor has ended, after it had offered its mount.
var ErrGone = errors.New("it is gone")

// Predecessor is a podview that offers its mount.
type Predecessor struct {
	peer
	// Mount is what it offers; the files are ours.
	Mount Mount
}

// Ask asks the podview at the socket file for its mount. The error is
// ErrNobody where there is none. With any other error one is there, and keeps
// the mount: it must not be mounted over.
func Ask(path, version string, layout uint64) (*Predecessor, error) {
	var conn *net.UnixConn
	err := atSocket(path, func(short string) (err error) {
		conn, err = net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: short, Net: "unixpacket"})
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &Predecessor{peer: peer{conn}}
	if err := p.ask(version, layout); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the podview at %s: %w", path, err)
	}
	return p, nil
}

func (p *Predecessor) ask(version string, layout uint64) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.send(message{Protocol: Protocol, Version: version, Layout: layout}); err != nil {
		return err
	}
	m, files, err := p.receive(answerTimeout)
	m.Version = short(m.Version)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("it does not answer; is it stopped?")
	case err != nil:
		return err
	case m.Refused != "":
		err = fmt.Errorf("version %s refuses: %s", m.Version, short(m.Refused))
	case m.Protocol != Protocol || len(files) != 2 || len(m.Init) == 0:
		err = fmt.Errorf("version %s speaks protocol %d, this is %d", m.Version, m.Protocol, Protocol)
	}
	if err != nil {
		closeAll(files)
		return err
	}
	p.Mount = Mount{Version: m.Version, Layout: m.Layout, Init: m.Init, Device: files[0], Ledger: files[1]}
	return nil
}

// Take takes the mount, and returns when the predecessor's worker has ended.
// ledger tells whether its ledger is used on. On an error the connection is
// closed; the predecessor is gone if it is ErrGone, and else serves on.
func (p *Predecessor) Take(ledger bool) error {
	err := p.send(message{Take: true, Ledger: ledger})
	if err == nil {
		var m message
		var files []*os.File
		m, files, err = p.receive(workTimeout)
		closeAll(files)
		if err == nil && !m.Yours {
			err = errors.New("it does not let go of the mount")
		}
	}
	if err == nil {
		return nil
	}
	p.Close()
	if errors.Is(err, io.EOF) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		err = errors.Join(ErrGone, err)
	}
	return fmt.Errorf("podview %s, which served the mount: %w", p.Mount.Version, err)
}

// Release tells it that it need not stand by for us any more.
func (p *Predecessor) Release() {
	_ = p.send(message{Released: true}) // gone is as good
	p.Close()
}

// StandsBy tells whether it is still there.
func (p *Predecessor) StandsBy() bool {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return false
	}
	there := false
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		there = n == 0 && err == nil // it has nothing more to say
	})
	return err == nil && there
}

// Close ends the connection.
func (p *Predecessor) Close() { p.conn.Close() }
