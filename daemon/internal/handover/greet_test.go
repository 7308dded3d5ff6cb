package handover

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const hangTimeout = time.Minute

// greeter is a process that greets well, or badly.
func greeter(how ...string) Greeter {
	var runs atomic.Int32
	return func(ctx context.Context, socket, tell *os.File) error {
		n := int(runs.Add(1)) - 1
		cmd := exec.CommandContext(ctx, "/proc/self/exe")
		cmd.Env = []string{greetEnv + "=" + how[min(n, len(how)-1)]}
		cmd.ExtraFiles = []*os.File{socket, tell}
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
}

func greetMain(how string) (code int) {
	socket, tell := os.NewFile(3, "socket"), os.NewFile(4, "tell")
	switch how {
	case "well":
		if Greet(socket, tell, "old") != nil {
			return 1
		}
	case "dies":
		return 1
	case "accepts and dies":
		_, _, _ = unix.Accept(3)
		return 1
	case "says nothing":
		_, _, _ = unix.Accept(3)
	case "says too little":
		_, _ = tell.Write([]byte("x"))
	case "passes on nobody":
		_, _ = tell.Write(make([]byte, greetedBytes))
	case "lies":
		record := slices.Repeat([]byte{255}, greetedBytes)
		_ = unix.Sendmsg(int(tell.Fd()), record, unix.UnixRights(3), nil, 0)
	case "hangs":
		time.Sleep(time.Hour)
	}
	return 0
}

// A greeter that fails costs whoever asks a try, and the mount nothing.
func TestGreeterFails(t *testing.T) {
	for _, how := range []string{"dies", "accepts and dies", "says nothing", "says too little", "passes on nobody", "lies"} {
		t.Run(how, func(t *testing.T) {
			socket, l := listenWith(t, greeter(how, "well"))
			var p *Predecessor
			var err error
			for range 10 { // on a busy machine a try may take too long
				if p, err = Ask(socket, "new", 7); err == nil {
					break
				}
				if errors.Is(err, ErrNobody) {
					t.Fatal("it took the one who has the mount for nobody")
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = p.Take(true) }()
			s := <-l.Taken()
			defer s.Close()
			if s.Version != "new" || !s.Ledger {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The end of an offer does not wait for a greeter that hangs, nor for a
// successor that says nothing.
func TestCloseDoesNotWait(t *testing.T) {
	for n := range 10 { // also while the greeter is being started
		socket, l := listenWith(t, greeter("hangs"))
		conn := dialRaw(t, socket)
		time.Sleep(time.Duration(n) * time.Millisecond)
		l.Close()
		if _, _, err := conn.receive(hangTimeout); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v; want the end", err)
		}
	}
	socket, l := listen(t)
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := p.Take(true); !errors.Is(err, ErrGone) {
		t.Errorf("%v; want that it is gone", err)
	}
	if len(l.Taken()) != 0 {
		t.Error("it was taken after its end")
	}
}

// A version of any length comes through as far as there is room.
func TestLongVersion(t *testing.T) {
	socket, l := listen(t)
	p, err := Ask(socket, strings.Repeat("v", 10_000), 7)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Take(false) }()
	s := <-l.Taken()
	defer s.Close()
	if want := strings.Repeat("v", greetedBytes-1); s.Version != want {
		t.Errorf("%q", s.Version)
	}
}

// What a successor says is searched: other versions may say more. What is no
// Take is none.
func TestSuccessorSaysMore(t *testing.T) {
	for text, want := range map[string]struct{ take, ledger bool }{
		`{"take":true}`:               {true, false},
		`{"take":true,"ledger":true}`: {true, true},
		`{"protocol":1,"take":true,"ledger":true,"more":{"x":[1,2,3]}}`: {true, true},
		`{"take":false,"ledger":true}`:                                  {false, false},
		`take`:                                                          {false, false},
		`{"x":"` + strings.Repeat("x", saidBytes) + `","take":true}`: {false, false},
	} {
		socket, l := listen(t)
		conn := dialRaw(t, socket)
		if err := conn.send(message{Protocol: Protocol, Version: "raw"}); err != nil {
			t.Fatal(err)
		}
		_, files, err := conn.receive(answerTimeout)
		closeAll(files)
		if err != nil || len(files) != 2 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		if _, err := conn.conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if !want.take {
			if _, _, err := conn.receive(answerTimeout); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v, want the end", text, err)
			}
			l.Close()
			continue
		}
		if s := <-l.Taken(); s.Ledger != want.ledger {
			t.Errorf("%s: %+v", text, s)
		}
	}
}

// Files that nobody asked for do not stay open in the process that holds the
// mount.
func TestSurplusFiles(t *testing.T) {
	socket, l := listen(t)
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	surplus := temporary(t, "surplus")
	if err := p.send(message{Take: true}, surplus, surplus); err != nil {
		t.Fatal(err)
	}
	s := <-l.Taken()
	defer s.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range open {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); target == surplus.Name() {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d times open", n)
	}
}

// A stranger is not talked to, and a successor that comes after it is.
func TestGreeterHearsOneAfterTheOther(t *testing.T) {
	socket, l := listen(t)
	other := dialRaw(t, socket)
	if err := other.send(message{Protocol: Protocol + 1, Version: "future"}); err != nil {
		t.Fatal(err)
	}
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	if m, _, err := other.receive(time.Minute); err != nil || m.Refused == "" {
		t.Errorf("%+v, %v; want a refusal", m, err)
	}
	go func() { _ = p.Take(false) }()
	s := <-l.Taken()
	defer s.Close()
	if s.Version != "new" {
		t.Errorf("%+v", s)
	}
}

// Whoever is told to end knows that somebody asks.
func TestBusy(t *testing.T) {
	socket, l := listen(t)
	until := func(busy bool) {
		t.Helper()
		for deadline := time.Now().Add(hangTimeout); l.Busy() != busy; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("busy is not %t", busy)
			}
		}
	}
	until(false)
	conn := dialRaw(t, socket)
	until(true)
	conn.conn.Close()
	until(false)
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Busy() {
		t.Error("not busy while a successor has not taken the mount yet")
	}
	p.Close()
	until(false)
	if (*Listener)(nil).Busy() {
		t.Error("busy without an offer")
	}
}
