// Package handover passes a mount that is being served from one podview to
// the next, so that a rollout is not seen by any reader.
//
// # Protocol
//
// A podview that serves listens on a unix socket (SOCK_SEQPACKET, mode 0600) in
// a directory that only root enters. Both sides ask the kernel who the other is
// and talk to a podview of the same node only; see check. Each message is one
// packet of JSON.
//
//	successor → old  Hello: protocol, version, ledger layout
//	old → successor  Offer: the same, INIT; with it, by SCM_RIGHTS, the FUSE
//	                 device and the ledger. Or Refused: why not.
//	successor → old  Take, when its worker waits to be let in; whether it
//	                 goes on with the ledger, which it does if it knows the
//	                 layout
//	old → successor  Yours, when its own worker has ended
//
// Then the successor serves, and the connection stays. The old one stands by:
// it keeps the device open, so that it can serve again if the connection ends
// with the successor. It does not leave by itself, because a kubelet would
// start a container that has ended again. It ends with its SIGTERM. A
// successor that passes the mount on tells it first (Released) that it is not
// needed any more, so that only one stands by.
//
// # Processes
//
// The old one holds the mount, and must not fail by what others send. So it
// accepts nobody: when somebody waits at its socket it has a greeter run, a
// process that checks who that is, reads Hello, and passes the connection on
// with a record of fixed size. A greeter that dies or hangs costs a try, and
// each try has another one. What a successor says after that is searched for a
// few words, not parsed; see said.
//
// # Versions
//
// Protocol rises when one side can't understand the other. Then the old one
// refuses, and the successor says so and waits until the old one is gone: it
// never mounts over it. Unknown fields are ignored, so that adding one is no
// reason to raise it; but Take and Released stay within saidBytes, and are
// written as encoding/json writes them, without blanks.
package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Protocol is the version of what is said; see the package comment.
const Protocol = 1

// message is any of the protocol's.
type message struct {
	Protocol int    `json:"protocol,omitempty"`
	Version  string `json:"version,omitempty"`
	Layout   uint64 `json:"layout,omitempty"`
	Init     []byte `json:"init,omitempty"`
	Refused  string `json:"refused,omitempty"`
	Take     bool   `json:"take,omitempty"`
	Ledger   bool   `json:"ledger,omitempty"`
	Yours    bool   `json:"yours,omitempty"`
	Released bool   `json:"released,omitempty"`
}

const (
	maxMessageBytes = 16 << 10
	// answerTimeout is for what a living podview does at once.
	answerTimeout = 3 * time.Second
	// workTimeout is for starting a worker, and for ending one.
	workTimeout = 30 * time.Second
)

// peer is a connection to another podview.
type peer struct{ conn *net.UnixConn }

// atSocket calls f with another name of the socket file, that is short enough
// for sockaddr_un whatever directory it is in.
func atSocket(socket string, f func(short string) error) error {
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)))
}

func (p peer) send(m message, files ...*os.File) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var rights []byte
	if len(files) > 0 {
		var fds []int
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
		rights = unix.UnixRights(fds...)
	}
	_ = p.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	_, _, err = p.conn.WriteMsgUnix(text, rights, nil)
	return err
}

// receive takes the next message; timeout 0 is for ever. The files that came
// with it are the caller's to close.
func (p peer) receive(timeout time.Duration) (m message, files []*os.File, err error) {
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	_ = p.conn.SetReadDeadline(deadline)
	text, rights := make([]byte, maxMessageBytes), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, rightsBytes, flags, _, err := p.conn.ReadMsgUnix(text, rights)
	if err != nil {
		return m, nil, err
	}
	files = filesIn(rights[:rightsBytes])
	switch {
	case n == 0:
		err = io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = errors.New("a message is too long")
	default:
		err = json.Unmarshal(text[:n], &m)
	}
	if err != nil {
		closeAll(files)
		return m, nil, err
	}
	return m, files, nil
}

// maxFiles is more than are ever sent: a surplus is closed, not leaked.
const maxFiles = 8

func filesIn(rights []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
