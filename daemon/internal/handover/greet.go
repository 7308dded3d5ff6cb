package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

const (
	// greetTime is how long a greeter hears one after the other.
	greetTime = 4 * time.Second
	// greetPause is how long it waits for another one: whoever asks on and on
	// does not have a process started for each time.
	greetPause = 2 * time.Second
)

// Greet hears whoever connects to a Listener's socket, in a process beside it.
// The first that is a podview, and says what it should, is passed on through
// tell, and is all that comes of it. version is ours.
func Greet(socket, tell *os.File, version string) error {
	l, err := net.FileListener(socket)
	if err != nil {
		return err
	}
	defer l.Close()
	listener, ok := l.(*net.UnixListener)
	if !ok {
		return fmt.Errorf("%s is not a unix socket", l.Addr())
	}
	listener.SetUnlinkOnClose(false)
	var said time.Time
	for end := time.Now().Add(greetTime); time.Now().Before(end); {
		_ = listener.SetDeadline(time.Now().Add(greetPause))
		conn, err := listener.AcceptUnix()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		hello, err := peer{conn}.greet(version)
		if err == nil {
			err = passOn(tell, conn, hello.Version)
			conn.Close()
			return err
		}
		conn.Close()
		if time.Since(said) > time.Second { // whoever asks on and on does not fill the log
			said = time.Now()
			klog.ErrorS(err, "Somebody asked for the mount and did not get it")
		}
	}
	return nil
}

// greet checks who it is, and reads the first message.
func (p peer) greet(version string) (hello message, err error) {
	if err := p.check(); err != nil {
		return hello, err
	}
	hello, files, err := p.receive(answerTimeout)
	closeAll(files)
	if err == nil && hello.Protocol != Protocol {
		refused := fmt.Sprintf("hand-over protocol %d, this is %d", hello.Protocol, Protocol)
		err = errors.Join(fmt.Errorf("podview %s: %s", short(hello.Version), refused),
			p.send(message{Protocol: Protocol, Version: version, Refused: refused}))
	}
	return hello, err
}

// greetedBytes is all that a greeter tells of a connection: the length of the
// version at the other end, and its bytes.
const greetedBytes = 64

// passOn gives the connection to the process at the other end of tell.
func passOn(tell *os.File, conn *net.UnixConn, version string) error {
	var record [greetedBytes]byte
	record[0] = byte(copy(record[1:], version))
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	errControl := raw.Control(func(fd uintptr) {
		err = unix.Sendmsg(int(tell.Fd()), record[:], unix.UnixRights(int(fd)), nil, 0)
	})
	return errors.Join(err, errControl)
}

// passedOn takes what a greeter that has ended has passed on; nil for nothing.
func passedOn(told *os.File) (*Successor, error) {
	var record [greetedBytes]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, rightsBytes, _, _, err := unix.Recvmsg(int(told.Fd()), record[:], rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err == unix.EAGAIN || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hear of a successor: %w", err)
	}
	files := filesIn(rights[:rightsBytes])
	defer closeAll(files)
	if n != greetedBytes || len(files) != 1 || int(record[0]) >= greetedBytes {
		return nil, fmt.Errorf("heard %d bytes with %d files of a successor", n, len(files))
	}
	conn, err := net.FileConn(files[0])
	if err != nil {
		return nil, fmt.Errorf("the connection to a successor: %w", err)
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the connection to a successor is of another kind")
	}
	return &Successor{peer: peer{unixConn}, Version: string(record[1:][:record[0]])}, nil
}

// talk makes the sockets between a greeter and its Listener.
func talk() (told, tell *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("sockets for a greeter: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "told"), os.NewFile(uintptr(fds[1]), "tell"), nil
}

// short is of a text that comes from elsewhere, for a log line.
func short(text string) string { return fmt.Sprintf("%.200s", text) }
