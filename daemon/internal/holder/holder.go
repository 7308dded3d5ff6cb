// Package holder keeps a FUSE mount alive. The holder owns the device, and
// does nothing but start the worker that serves it, and the next one when
// that dies. Readers wait a moment; none sees an error.
package holder

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/ledger"
)

// Holder keeps one mount.
type Holder struct {
	Device *os.File // with INIT answered
	Ledger *ledger.Ledger
	// Arguments start this program as a worker.
	Arguments []string
	standby   *worker // started, and waiting to be let in
	deaths    map[uint64]int
	// Host makes what answers while no worker stays alive: from the host's own
	// files, because a reader that waits is worse off.
	Host func() fuse.RawFileSystem
	// Inherited is set where somebody else has served the device before: what
	// he had taken and not answered is to be answered first.
	Inherited bool
	// OOMScore is the oom_score_adj of the processes that it starts; empty for
	// its own.
	OOMScore string
	// Reserve is for when no worker can be started.
	Reserve *Reserve
}

const (
	// healthy is how long a worker must live for its death to be an accident.
	// One that answered a request is no part of a crash loop either.
	healthy = 10 * time.Second
	// loop is how many workers in a row have to die without an answer.
	loop = 5
	// firstPause and maxPause bound the back-off of a crash loop.
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
)

// Run keeps a worker running until the connection ends (nil), or ctx does
// (its error). Then no worker is left.
func (h *Holder) Run(ctx context.Context) error {
	// The worker is told to die with us by the death of the thread that
	// started it (prctl(2), PR_SET_PDEATHSIG), and Go ends unlocked threads.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer h.Dismiss()
	reserveThreads()
	if h.Inherited {
		// Whoever served last may still be ending. If that takes long, the
		// next worker finds what he leaves.
		if err := h.Ledger.Unserved(time.Second, h.requeue); err != nil {
			klog.ErrorS(err, "Requests are not sent again")
		}
	}
	h.Inherited = true
	var pause time.Duration
	died := 0 // in a row, without an answer
	for ctx.Err() == nil {
		started, answered := time.Now(), h.Ledger.Answered().Load()
		err := h.work(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		h.answerPoison()
		h.requeue()
		if h.Ledger.Answered().Load() != answered || time.Since(started) > healthy {
			pause, died = 0, 0
		}
		if died++; died < loop {
			klog.ErrorS(err, "The worker died; starting another")
			continue
		}
		pause = min(max(2*pause, firstPause), maxPause)
		klog.ErrorS(err, "No worker stays alive; showing the host's files meanwhile", "pause", pause)
		h.answerFromHost(ctx, pause)
	}
	return ctx.Err()
}

// work runs one worker to its end: nil when it found the connection ended.
func (h *Holder) work(ctx context.Context) error {
	w, err := h.take()
	if err != nil {
		return err
	}
	if h.standby, err = h.start(); err != nil {
		klog.ErrorS(err, "No worker on standby")
	}
	progress := progress{answered: h.Ledger.Answered().Load()}
	look := time.NewTimer(idleLook)
	defer look.Stop()
	for {
		select {
		case err := <-w.ended:
			return err
		case <-ctx.Done():
			w.stop()
			return ctx.Err()
		case <-look.C:
			hung, next := progress.look(h.waiting(), h.Ledger.Answered().Load())
			if hung {
				h.Ledger.Hung().Add(1)
				klog.ErrorS(nil, "The worker answers nothing while requests wait; killing it", "pid", w.process.Pid)
				_ = w.process.Kill()
				next = time.Minute // for its end
			}
			look.Reset(next)
		}
	}
}

// requeue makes the kernel send again what the dead worker had taken. Kernels
// that can't (before 6.9) leave it to the next worker, which finds the
// requests in the ledger.
func (h *Holder) requeue() {
	switch err := fusedev.Resend(int(h.Device.Fd())); {
	case err == nil:
		fusedev.Forget(h.Ledger.Slots(), h.Ledger.Lot())
	case !errors.Is(err, unix.EINVAL):
		klog.ErrorS(err, "FUSE_NOTIFY_RESEND")
	}
}

// answerPoison answers, from the host, a request that was being answered each
// time when the last workers died: it may be what kills them.
func (h *Holder) answerPoison() {
	deaths := map[uint64]int{}
	for _, slot := range h.Ledger.Slots() {
		request := fusedev.RequestIn(slot)
		if request == 0 {
			continue
		}
		if deaths[request] = h.deaths[request] + 1; deaths[request] < loop {
			continue
		}
		conn, err := h.fromHost([][]byte{slot})
		if err != nil {
			klog.ErrorS(err, "Can't answer from the host")
			continue
		}
		klog.ErrorS(nil, "Workers have died of a request, or beside it; it is answered from the host", "workers", loop)
		conn.AnswerPending()
	}
	h.deaths = deaths
}

// answerFromHost serves for a while. It has one reader: with more, one could
// be left waiting in read(2) when another took the request that woke both.
func (h *Holder) answerFromHost(ctx context.Context, pause time.Duration) {
	h.Reserve.use()
	defer h.Reserve.take()
	stop := make([]int, 2)
	if err := unix.Pipe2(stop, unix.O_CLOEXEC); err != nil {
		klog.ErrorS(err, "Can't answer from the host")
		time.Sleep(pause)
		return
	}
	defer unix.Close(stop[0])
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	context.AfterFunc(ctx, func() { unix.Close(stop[1]) }) // a hang-up, for poll(2)
	conn, err := h.AnswerPending()
	if err == nil {
		conn.Readers = 1
		err = conn.Serve(stop[0])
	}
	if err != nil {
		klog.ErrorS(err, "Answering from the host")
		<-ctx.Done()
	}
}

// AnswerPending answers, from the host, what a worker that is gone had taken.
func (h *Holder) AnswerPending() (*fusedev.Conn, error) {
	conn, err := h.fromHost(h.Ledger.Slots())
	if err == nil {
		conn.Lot = h.Ledger.Lot()
		conn.AnswerPending()
	}
	return conn, err
}

func (h *Holder) fromHost(slots [][]byte) (*fusedev.Conn, error) {
	conn := fusedev.NewConn(int(h.Device.Fd()), h.Host(), slots)
	return conn, conn.Adopt(h.Ledger.Init())
}

// Prepare starts the worker that Run will let in, so that Run loses no time.
func (h *Holder) Prepare() (err error) {
	h.standby, err = h.start()
	return err
}
