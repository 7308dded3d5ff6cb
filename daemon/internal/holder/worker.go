package holder

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The descriptors that a worker finds.
const (
	DeviceFD = 3
	LedgerFD = 4
	// GateFD is a pipe: a worker waits until it can read a byte there. Until
	// then another worker may be at work.
	GateFD = 5
)

// stopTimeout is how long a worker may take to end when it is told to.
const stopTimeout = 3 * time.Second

// worker is a process that serves, or waits to.
type worker struct {
	process *os.Process
	gate    *os.File
	ended   chan error // gets one value
}

// take lets a worker in: the one on standby, if it is still there, because
// starting a process takes longer than all the rest.
func (h *Holder) take() (*worker, error) {
	w := h.standby
	h.standby = nil
	if w != nil {
		select {
		case <-w.ended:
			w.gate.Close()
			w = nil
		default:
		}
	}
	if w == nil {
		var err error
		if w, err = h.start(); err != nil {
			return nil, err
		}
	}
	defer w.gate.Close()
	if _, err := w.gate.Write([]byte{0}); err != nil {
		w.stop()
		return nil, fmt.Errorf("let the worker in: %w", err)
	}
	h.Ledger.Workers().Add(1)
	return w, nil
}

// start starts a process that waits at its gate.
func (h *Holder) start() (*worker, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := again(h.Arguments)
	cmd.ExtraFiles = []*os.File{DeviceFD - 3: h.Device, LedgerFD - 3: h.Ledger.File(), GateFD - 3: read}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	setOOMScore(cmd.Process.Pid, h.OOMScore)
	w := &worker{process: cmd.Process, gate: write, ended: make(chan error, 1)}
	go func() { w.ended <- cmd.Wait() }()
	return w, nil
}

// stop ends a worker, in good order if it can.
func (w *worker) stop() {
	_ = w.process.Signal(unix.SIGTERM)
	select {
	case <-w.ended:
	case <-time.After(stopTimeout):
		_ = w.process.Kill()
		<-w.ended
	}
}

// Dismiss ends the worker on standby.
func (h *Holder) Dismiss() {
	if w := h.standby; w != nil {
		h.standby = nil
		_ = w.process.Kill() // it holds nothing
		<-w.ended
		w.gate.Close()
	}
}
