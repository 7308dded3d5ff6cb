package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// served is the address of a bounded server that answers "ok".
func served(t *testing.T) string {
	t.Helper()
	l, err := listen("--flag", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serveHTTP(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }))
	return l.Addr().String()
}

func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answers tells what comes back before the connection ends.
func answers(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	text, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server keeps the connection")
	}
	return string(text)
}

const request = "GET / HTTP/1.1\r\nHost: x\r\n"

// Nobody keeps a connection for long: not by silence, nor after an answer.
func TestConnectionsEnd(t *testing.T) {
	address := served(t)
	for name, test := range map[string]struct{ sends, want string }{
		"silent":       {"", ""},
		"half a line":  {"GET /", ""},
		"no end":       {request + "A: b", ""},
		"asks":         {request + "\r\n", "200 OK"},
		"big header":   {request + "A: " + strings.Repeat("a", maxHeaderBytes+4<<10) + "\r\n\r\n", "431"},
		"body to come": {request + "Content-Length: 1000000000\r\n\r\n", "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := answers(t, dial(t, address, test.sends)); !strings.Contains(got, test.want) {
				t.Errorf("%q; want %q", got, test.want)
			}
		})
	}
}

// Whoever sits there loses the place to the next one.
func TestConnectionsAreFew(t *testing.T) {
	l := &fewConnections{}
	var err error
	if l.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Listener.Close() })
	var clients, conns []net.Conn
	for range maxConnections + 2 {
		clients = append(clients, dial(t, l.Addr().String(), ""))
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	if len(l.open) != maxConnections {
		t.Errorf("%d connections are open, not %d", len(l.open), maxConnections)
	}
	for i := range 2 { // the oldest
		if text := answers(t, clients[i]); text != "" {
			t.Errorf("connection %d: %q", i, text)
		}
		_ = conns[i].Close() // as net/http does
	}
	for i := 2; i < len(conns); i++ {
		go fmt.Fprintln(conns[i], "ok")
		if text, err := bufio.NewReader(clients[i]).ReadString('\n'); text != "ok\n" {
			t.Errorf("connection %d: %q, %v", i, text, err)
		}
		_ = conns[i].Close()
	}
	if len(l.open) != 0 {
		t.Errorf("%d closed connections are counted", len(l.open))
	}
}
