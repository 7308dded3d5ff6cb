package handover

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Whoever speaks another protocol is told so, and the offer stands.
func TestOtherProtocol(t *testing.T) {
	socket, _ := listen(t)
	conn := dialRaw(t, socket)
	if err := conn.send(message{Protocol: Protocol + 1, Version: "future"}); err != nil {
		t.Fatal(err)
	}
	m, files, err := conn.receive(answerTimeout)
	if err != nil || len(files) != 0 || m.Refused == "" || m.Protocol != Protocol {
		t.Errorf("%+v with %d files, %v", m, len(files), err)
	}
	p, err := Ask(socket, "new", 7)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
}

// A podview of another protocol, or anything else, at the socket is never
// taken for nobody.
func TestOtherPodview(t *testing.T) {
	for name, test := range map[string]struct{ answer, want string }{
		"refuses":     {`{"protocol":2,"version":"9.9","refused":"hand-over protocol 1, this is 2"}`, "9.9 refuses: hand-over protocol 1"},
		"other offer": {`{"protocol":2,"version":"9.9"}`, "protocol 2"},
		"no files":    {`{"protocol":1,"version":"9.9","init":"AAAA"}`, "9.9"},
		"not JSON":    {`podview`, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "view.sock")
			l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socket, Net: "unixpacket"})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if conn, err := l.AcceptUnix(); err == nil {
					_, _ = conn.Write([]byte(test.answer))
				}
			}()
			_, err = Ask(socket, "new", 7)
			if err == nil || errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), socket) {
				t.Errorf("%v; want %q and the socket's name", err, test.want)
			}
		})
	}
}

// Only root is talked to, whatever the socket file's mode.
func TestAnotherUserIsRefused(t *testing.T) {
	socket, _ := listen(t)
	for dir := socket; dir != "/"; dir = filepath.Dir(dir) { // as far as the modes of ours go
		if strings.HasPrefix(dir, os.TempDir()+"/") {
			_ = os.Chmod(dir, 0o777)
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(filepath.Dir(socket), "ask")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Dir, cmd.Env = filepath.Dir(socket), []string{askEnv + "=" + filepath.Base(socket)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	// The socket was within its reach, and closed without a word.
	closed := slices.ContainsFunc([]string{"EOF", "connection reset", "broken pipe"}, func(how string) bool {
		return strings.Contains(string(out), how)
	})
	if err != nil || !closed {
		t.Errorf("uid 65534 got: %s (%v)", out, err)
	}
}

func dialRaw(t *testing.T, socket string) (p peer) {
	t.Helper()
	err := atSocket(socket, func(short string) error {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: short, Net: "unixpacket"})
		p = peer{conn}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	return p
}
