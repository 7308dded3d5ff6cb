package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/ledger"
	"github.com/podview/podview/daemon/internal/metrics"
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

// work answers until the connection ends or the holder says so.
func work(c *serveConfig) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	shared, err := ledger.Open(os.NewFile(holder.LedgerFD, "ledger"))
	if err != nil {
		return err
	}
	counters := metrics.New()
	p, _, err := c.pipeline(counters, shared.Store())
	if err != nil {
		return err
	}
	files := fusefs.New(p, present(c.root))
	files.Kept = shared.Kept()
	conn := fusedev.NewConn(holder.DeviceFD, files, shared.Slots())
	conn.Answered = shared.Answered()
	if err := conn.Adopt(shared.Init()); err != nil {
		return err
	}
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
		return nil
	}
}

func serveMetrics(address string, m *metrics.Metrics) error {
	if address == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.Registry(), promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { klog.ErrorS(server.Serve(listener), "Metrics ended") }()
	return nil
}
