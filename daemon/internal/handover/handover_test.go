package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// askEnv makes the test's binary ask at that socket, as another user, whoever
// listens there; greetEnv makes it a greeter, which does what that says.
const (
	askEnv   = "PODVIEW_TEST_ASK"
	greetEnv = "PODVIEW_TEST_GREET"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(askEnv); socket != "" {
		os.Stdout.WriteString(askRaw(socket).Error())
		os.Exit(0)
	}
	if how := os.Getenv(greetEnv); how != "" {
		os.Exit(greetMain(how))
	}
	os.Exit(m.Run())
}

func askRaw(socket string) error {
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		return err
	}
	p := peer{conn}
	if err := p.send(message{Protocol: Protocol, Version: "test", Layout: 1}); err != nil {
		return err
	}
	m, files, err := p.receive(answerTimeout)
	if err == nil {
		err = fmt.Errorf("it got %d files and %+v", len(files), m)
	}
	return err
}

func temporary(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f
}

// listen offers a mount; root's, because only root is talked to.
func listen(t *testing.T) (socket string, l *Listener) {
	t.Helper()
	return listenWith(t, greeter("well"))
}

func listenWith(t *testing.T, greet Greeter) (socket string, l *Listener) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root is talked to")
	}
	// Too long for sockaddr_un, which must not matter.
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "view.sock")
	l, err := Listen(socket, Mount{Version: "old", Layout: 7, Init: []byte("init"), Device: temporary(t, "device"), Ledger: temporary(t, "ledger")}, greet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return socket, l
}

func TestHandOver(t *testing.T) {
	socket, l := listen(t)
	st, err := os.Stat(socket)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: only root may connect", st.Mode(), err)
	}
	if st, err := os.Stat(filepath.Dir(socket)); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v: only root may enter its directory", st.Mode(), err)
	}
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	if p.Mount.Version != "old" || p.Mount.Layout != 7 || string(p.Mount.Init) != "init" {
		t.Errorf("%+v", p.Mount)
	}
	for want, f := range map[string]*os.File{"device": p.Mount.Device, "ledger": p.Mount.Ledger} {
		text, err := io.ReadAll(io.NewSectionReader(f, 0, 100))
		if string(text) != want || err != nil {
			t.Errorf("for the %s came %q (%v)", want, text, err)
		}
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("the %s would leak into other programs (%v)", want, err)
		}
	}
	took := make(chan error, 1)
	go func() { took <- p.Take(true) }()
	s := <-l.Taken()
	if s.Version != "new" || !s.Ledger {
		t.Errorf("%+v", s)
	}
	select {
	case err := <-took:
		t.Fatalf("it goes on before it may (%v)", err)
	default:
	}
	if err := s.Yield(); err != nil {
		t.Fatal(err)
	}
	if err := <-took; err != nil {
		t.Fatal(err)
	}
	if !p.StandsBy() {
		t.Error("the old one does not stand by")
	}
	ended := make(chan bool, 1)
	go func() { ended <- s.Ended() }()
	p.Release()
	if !<-ended {
		t.Error("it was released, and does not know")
	}
	if _, err := Ask(socket, "third", 7); !errors.Is(err, ErrNobody) {
		t.Errorf("a mount was offered twice: %v", err)
	}
}

func TestSuccessorEnds(t *testing.T) {
	socket, l := listen(t)
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	p.Close() // before it takes the mount: the offer stands
	if p, err = Ask(socket, "newer", 8); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Take(false) }()
	s := <-l.Taken()
	if s.Version != "newer" || s.Ledger {
		t.Errorf("%+v", s)
	}
	if err := s.Yield(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool, 1)
	go func() { ended <- s.Ended() }()
	p.Close()
	if <-ended {
		t.Error("it takes a successor's death for its release")
	}
}

func TestPredecessorEnds(t *testing.T) {
	socket, l := listen(t)
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	took := make(chan error, 1)
	go func() { took <- p.Take(true) }()
	s := <-l.Taken()
	l.Close()
	s.Close() // without a word
	if err := <-took; !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "old") {
		t.Errorf("%v; want an error that names the version", err)
	}
	if p.StandsBy() {
		t.Error("a dead podview stands by")
	}
}

func TestNobodyListens(t *testing.T) {
	socket, l := listen(t)
	l.Close()
	for _, path := range []string{socket, socket + ".not-there"} {
		if _, err := Ask(path, "new", 7); !errors.Is(err, ErrNobody) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
