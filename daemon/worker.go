package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/ledger"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
)

// workerCommand is how serve starts itself to answer requests.
const workerCommand = "worker"

func worker(args []string) int {
	c, code, ok := parseServe(args)
	if !ok {
		return code
	}
	if err := work(&c); err != nil {
		return fail(workerCommand, err)
	}
	return 0
}

// work answers until the connection ends or the holder says so. Everything
// that takes time or privileges comes before the gate; what depends on how the
// worker before this one ended comes after it.
func work(c *serveConfig) error {
	// A log that nobody reads any more must not end the worker.
	signal.Ignore(unix.SIGPIPE)
	fusedev.Tune(c.readers)
	limitMemory(workerBytes)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	shared, err := ledger.Open(os.NewFile(holder.LedgerFD, "ledger"))
	if err != nil {
		return err
	}
	counters := metrics.New()
	p, _, err := c.pipeline(counters)
	if err != nil {
		return err
	}
	hostOnly, _, err := c.hostOnly(counters)
	if err != nil {
		return err
	}
	files := fusefs.New(p, viewPaths(c.root))
	files.Measure(func(path string) ([]byte, error) { return host.ReadFile(c.root.Path(path), nil) })
	conn := c.connection(files, p, shared)
	late, instead := files.Late(hostOnly), files.Instead(hostOnly)
	conn.Late, conn.Host, conn.Missed = late, instead, missed(counters)
	if err := conn.Adopt(shared.Init()); err != nil {
		return err
	}
	if err := confineWorker(c, p, shared); err != nil {
		return err
	}
	if err := waitAtGate(); err != nil {
		return err
	}
	if err := shared.Lock(); err != nil {
		return err
	}
	p.Resume(shared.Store())
	files.Resume(shared.Kept(), shared.Handle())
	late.Kept, instead.Kept = files.Kept, files.Kept
	counters.Workers(shared.Workers().Load)
	counters.Lost(shared.Lost().Load)
	counters.Hung(shared.Hung().Load)
	counters.Queued(conn.Queued)
	counters.Reattached(shared.Replaced().Load, shared.Failed().Load)
	c.syscalls.report(counters)
	if err := serveMetrics(c.metricsAddress, counters); err != nil {
		klog.ErrorS(err, "No metrics") // not worth a worker's life
	}
	go p.Run(ctx)
	ended := make(chan error, 1)
	const never = -1
	go func() { ended <- conn.Serve(never) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		// An error, because nil is for a connection that has ended.
		return errors.New("told to end")
	}
}

// connection goes on with the holder's.
func (c *serveConfig) connection(files *fusefs.FS, p *pipeline.Pipeline, shared *ledger.Ledger) *fusedev.Conn {
	conn := fusedev.NewConn(holder.DeviceFD, files, shared.Slots())
	conn.Readers, conn.Answered, conn.Deadline = c.readers, shared.Answered(), c.readDeadline
	conn.Lot = shared.Lot()
	conn.TakeTurns(p.Owner)
	if c.readDeadline == 0 {
		conn.Deadline = math.MaxInt64
	}
	return conn
}

// missed counts the reads that were answered late, and says so now and then.
func missed(counters *metrics.Metrics) func() {
	var last atomic.Int64
	return func() {
		counters.Late()
		now := time.Now().Unix()
		if then := last.Load(); now-then >= 30 && last.CompareAndSwap(then, now) {
			klog.ErrorS(nil, "A read took longer than --read-deadline; showing the host's file")
		}
	}
}

// waitAtGate returns when the worker before this one has ended.
func waitAtGate() error {
	gate := os.NewFile(holder.GateFD, "gate")
	defer gate.Close()
	if _, err := io.ReadFull(gate, make([]byte, 1)); err != nil {
		return fmt.Errorf("not let in: %w", err)
	}
	return nil
}

func serveMetrics(address string, m *metrics.Metrics) error {
	if address == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.Registry(), promhttp.HandlerOpts{
		MaxRequestsInFlight: 2,
		DisableCompression:  true, // it would cost up to 1 MB for each connection
	}))
	return listenHTTP("--metrics-address", address, mux)
}
