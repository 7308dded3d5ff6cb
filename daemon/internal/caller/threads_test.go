package caller

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/host"
)

func TestParseState(t *testing.T) {
	for text, want := range map[string]byte{
		"1 (a) S 2 3\n": 'S', "1 (a b) R) D 2 3\n": 'D', "1 () R": 'R',
		"": 0, "1 (a)": 0, "1 (a) ": 0, "1 (a)S 2": 0, "1 a S": 0,
	} {
		if got, err := parseState([]byte(text)); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %q, error %v, want %q", text, got, err, want)
		}
	}
}

func TestState(t *testing.T) {
	threads := NewThreads(host.Root{Proc: "/proc"}, host.NewKept(10))
	for range 2 { // the second by the kept file
		if state, err := threads.State("/c", unix.Gettid()); err != nil || state == 0 {
			t.Errorf("state %q, error %v", state, err)
		}
	}
	if state, err := threads.State("/c", os.Getpid()+1<<24); !host.IsMissing(err) {
		t.Errorf("no such thread: state %q, error %v", state, err)
	}
}
