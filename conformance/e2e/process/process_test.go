package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStop(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	// The child would live on if only the shell were told.
	p, err := Start("sh", exec.Command("sh", "-c", "sleep 1000 & echo $!; wait"), log)
	if err != nil {
		t.Fatal(err)
	}
	child := ""
	for child == "" {
		text, _ := os.ReadFile(log)
		child = strings.TrimSpace(string(text))
	}
	if err := p.Err(); err != nil {
		t.Error("while it runs:", err)
	}
	p.Stop(time.Minute)
	if err := p.Err(); !errors.Is(err, ErrEnded) {
		t.Error("stopped:", err)
	}
	// Its new parent has to reap it.
	for alive := true; alive; {
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		alive = err == nil && !strings.Contains(string(stat), ") Z ")
	}
	p.Stop(time.Minute) // again
}

func TestStopKills(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start("sh", exec.Command("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"), log)
	if err != nil {
		t.Fatal(err)
	}
	for text := ""; text == ""; {
		b, _ := os.ReadFile(log)
		text = string(b)
	}
	p.Stop(100 * time.Millisecond)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Error("a program that ignores SIGTERM:", err)
	}
}
