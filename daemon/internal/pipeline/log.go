package pipeline

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// fallbackLog writes one line per file and stage and quiet period, so that a
// container can't flood the node's log by reading.
type fallbackLog struct {
	mu   sync.Mutex
	last map[[2]string]*logged
}

type logged struct {
	at         time.Time
	suppressed int
}

const quiet = 30 * time.Second

func (l *fallbackLog) allow(file, stage string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[[2]string]*logged{}
	}
	key := [2]string{file, stage} // both from fixed sets
	last := l.last[key]
	if last == nil {
		last = &logged{}
		l.last[key] = last
	}
	if !last.at.IsZero() && now.Sub(last.at) < quiet {
		last.suppressed++
		return 0, false
	}
	suppressed = last.suppressed
	*last = logged{at: now}
	return suppressed, true
}

// fallBack records that file showed the host because stage failed.
func (p *Pipeline) fallBack(file, stage string, err error) {
	p.Metrics.Fallback(file, stage)
	if stage == "identify" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)) {
		klog.V(4).InfoS("The caller ended while its read was served", "file", file, "err", err)
		return
	}
	if suppressed, ok := p.log.allow(file, stage, time.Now()); ok {
		klog.ErrorS(err, "Showing the host's file", "file", file, "stage", stage, "suppressed", suppressed)
	}
}
