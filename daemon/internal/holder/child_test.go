package holder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain is the children, too: what they do is their first argument.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], "child-") {
		os.Exit(m.Run())
	}
	switch out := os.NewFile(AliveFD+1, "out"); os.Args[1] {
	case "child-says":
		fmt.Fprintln(out, os.Getpid(), os.Args[2])
	case "child-fails":
		os.Exit(3)
	case "child-hangs":
		fmt.Fprintln(out, os.Getpid())
		out.Close()
		time.Sleep(time.Hour)
	case "child-score":
		for score := ""; score != os.Args[2]; {
			text, _ := os.ReadFile("/proc/self/oom_score_adj")
			score = strings.TrimSpace(string(text))
		}
	case "child-waits":
		fmt.Fprintln(out, os.Getpid())
		out.Close()
		_, _ = io.Copy(io.Discard, os.NewFile(AliveFD, "alive"))
	}
	os.Exit(0)
}

// pipe is for what a child says.
func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		read.Close()
		write.Close()
	})
	return read, write
}

func TestChildOnce(t *testing.T) {
	read, write := pipe(t)
	c := &Child{Arguments: []string{"child-says", "hello"}, Files: []*os.File{write}}
	if err := c.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	write.Close()
	text, err := io.ReadAll(read)
	var pid int
	var word string
	if _, scan := fmt.Sscan(string(text), &pid, &word); scan != nil || err != nil || word != "hello" || pid == os.Getpid() {
		t.Errorf("it said %q (%v)", text, err)
	}
	var exit *exec.ExitError
	if err := (&Child{Arguments: []string{"child-fails"}}).Once(t.Context()); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("one that fails: %v", err)
	}
}

// A child that does not end is killed when its time is over, or the holder's.
func TestChildHangs(t *testing.T) {
	_, write := pipe(t)
	c := &Child{Arguments: []string{"child-hangs"}, Files: []*os.File{write}, Budget: 50 * time.Millisecond}
	var exit *exec.ExitError
	if err := c.Once(t.Context()); !errors.As(err, &exit) || exit.Exited() {
		t.Errorf("out of time: %v, want its death", err)
	}
	read, write := pipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	c = &Child{Arguments: []string{"child-hangs"}, Files: []*os.File{write}}
	go func() { ended <- c.Once(ctx) }()
	pid := readPID(t, read)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("told to end: %v", err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		t.Errorf("process %d is still there", pid)
	}
}

func readPID(t *testing.T, from *os.File) (pid int) {
	t.Helper()
	if _, err := fmt.Fscan(from, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// A child that is kept is replaced, however often it dies.
func TestChildIsKept(t *testing.T) {
	read, write := pipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		(&Child{Arguments: []string{"child-waits"}, Files: []*os.File{write}}).Run(ctx)
		close(ended)
	}()
	first := readPID(t, read)
	if p, err := os.FindProcess(first); err != nil || p.Kill() != nil {
		t.Fatalf("kill process %d: %v", first, err)
	}
	if second := readPID(t, read); second == first {
		t.Error("it was not killed")
	}
	cancel()
	<-ended
}

// One that gets done is not started again.
func TestChildFinishes(t *testing.T) {
	_, write := pipe(t)
	(&Child{Arguments: []string{"child-says", "done"}, Files: []*os.File{write}, Finishes: true}).Run(t.Context())
}

// The OOM killer may have it before the holder.
func TestChildOOMScore(t *testing.T) {
	const score = "1000" // more is always allowed
	c := &Child{Arguments: []string{"child-score", score}, OOMScore: score, Budget: time.Minute}
	if err := c.Once(t.Context()); err != nil {
		t.Error(err)
	}
}
