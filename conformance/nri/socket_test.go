package nri

import (
	"io"
	"net"
	"sync"
	"testing"
)

// socket is the runtime's, in front of containerd's code, which closes
// nothing when it is stopped: the end of its process does.
type socket struct {
	listener net.Listener
	mutex    sync.Mutex
	conns    []net.Conn
}

func listen(t *testing.T, path, behind string) *socket {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &socket{listener: listener}
	go func() {
		for {
			plugin, err := listener.Accept()
			if err != nil {
				return
			}
			runtime, err := net.Dial("unix", behind)
			if err != nil {
				plugin.Close()
				continue
			}
			s.mutex.Lock()
			s.conns = append(s.conns, plugin, runtime)
			s.mutex.Unlock()
			go relay(plugin, runtime)
			go relay(runtime, plugin)
		}
	}()
	return s
}

func relay(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
}

func (s *socket) close() {
	s.listener.Close() // and removes it
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}
