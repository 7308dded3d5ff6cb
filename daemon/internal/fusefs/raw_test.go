package fusefs

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// readRaw reads a file to its end, past Go's poller, in small parts.
func readRaw(t *testing.T, file string) string {
	t.Helper()
	fd, err := unix.Open(file, unix.O_RDONLY, 0)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer unix.Close(fd)
	var text []byte
	for buf := make([]byte, 4000); ; {
		n, err := unix.Read(fd, buf)
		if err != nil {
			t.Error(err)
		}
		if n <= 0 {
			return string(text)
		}
		text = append(text, buf[:n]...)
	}
}

// inBackground reads a file, and waits until n reads are stuck.
func inBackground(t *testing.T, tree *slowTree, file string, n int64) chan string {
	t.Helper()
	text := make(chan string, 1)
	go func() { text <- readRaw(t, file) }()
	waitFor(t, func() bool { return tree.stuck.Load() >= n })
	return text
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 30 s")
		}
	}
}
