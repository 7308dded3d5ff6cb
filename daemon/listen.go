package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// What whoever reaches a port can make podview keep, and for how long.
const (
	maxConnections    = 16
	maxHeaderBytes    = 2 << 10 // net/http reads up to 4 KiB more
	maxReceiveBytes   = 8 << 10 // in the kernel, for each connection
	connectionTimeout = time.Second
)

// listen opens a port. The error names the flag.
func listen(flag, address string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	listener := l.(*net.TCPListener)
	if err := bound(listener); err != nil {
		l.Close()
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return listener, nil
}

// bound bounds what the kernel keeps of connections that nobody has accepted
// yet. Connections have the listener's buffer size (tcp(7)).
func bound(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	errControl := raw.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, maxReceiveBytes),
			unix.Listen(int(fd), maxConnections))
	})
	return errors.Join(err, errControl)
}

// serveHTTP serves until l is closed.
func serveHTTP(l net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler: handler, MaxHeaderBytes: maxHeaderBytes,
		ReadTimeout: connectionTimeout, WriteTimeout: 2 * connectionTimeout, IdleTimeout: connectionTimeout,
	}
	server.SetKeepAlivesEnabled(false)
	err := server.Serve(&fewConnections{Listener: l})
	klog.ErrorS(err, "No longer listening", "address", l.Addr())
}

// fewConnections keeps maxConnections. One more costs the oldest its place:
// who asks and goes is answered, however many others sit there.
type fewConnections struct {
	net.Listener
	mu   sync.Mutex
	open []*countedConnection // the oldest first
}

type countedConnection struct {
	net.Conn
	of *fewConnections
}

func (l *fewConnections) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	counted := &countedConnection{conn, l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == maxConnections {
		_ = l.open[0].Conn.Close()
		l.open = slices.Delete(l.open, 0, 1)
	}
	l.open = append(l.open, counted)
	return counted, nil
}

func (c *countedConnection) Close() error {
	c.of.mu.Lock()
	if i := slices.Index(c.of.open, c); i >= 0 {
		c.of.open = slices.Delete(c.of.open, i, i+1)
	}
	c.of.mu.Unlock()
	return c.Conn.Close()
}
