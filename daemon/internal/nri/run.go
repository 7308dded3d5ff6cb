package nri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	nrilog "github.com/containerd/nri/pkg/log"
	"github.com/containerd/nri/pkg/stub"
	"k8s.io/klog/v2"
)

// Config is what Run needs.
type Config struct {
	Rules  Rules
	Source Source
	Socket string // the runtime's
	Proc   string // a procfs of the host's pid namespace
	// TimeNamespace gives each container one of its own, where this kernel can.
	TimeNamespace bool
}

const (
	// Name is what pods name in the required-plugins annotation.
	Name = "podview"
	// index is late in the order of plugins, because what others mount is
	// seen, and left alone. One that comes later and mounts at the same path
	// would make the container fail.
	index = "90"

	// A view that is gone is noticed within the sum of both.
	healthPeriod   = time.Second
	healthDeadline = 500 * time.Millisecond
	// startDeadline is for what is done while the runtime waits.
	startDeadline = 500 * time.Millisecond
	// attachers work at a time, and each goes on without a container that hangs.
	attachers = 4

	firstPause = 200 * time.Millisecond
	longPause  = 10 * time.Second
	// closeGrace is for the stub to notice that its connection has ended.
	closeGrace = 2 * time.Second
)

// Run serves the runtime until ctx ends, connecting again and again: the
// runtime may be restarted, or not have NRI before an update.
func Run(ctx context.Context, config Config) {
	attacher := newAttacher(attachTo(config.Rules, config.Proc))
	for range attachers {
		go attacher.run()
	}
	var times *timeNamespaces
	if config.TimeNamespace {
		times = newTimeNamespaces(config.Proc)
	}
	seen := make(chan struct{})
	once := sync.OnceFunc(func() { close(seen) })
	go watch(ctx, config.Source, healthPeriod, healthDeadline, func(h health) {
		attacher.setView(h)
		once()
	})
	// Before that, containers would be created without the view for nothing.
	<-seen
	retry(ctx, func(connected func()) error {
		return connect(ctx, config.Socket, &plugin{config.Rules, attacher, times, spareCreated(config.Proc), connected})
	})
}

// retry calls f until ctx ends, with pauses that grow as long as f is not
// connected.
func retry(ctx context.Context, f func(connected func()) error) {
	pause, last := firstPause, ""
	for {
		var mutex sync.Mutex
		ok := false
		err := f(func() {
			mutex.Lock()
			defer mutex.Unlock()
			ok = true
		})
		if ctx.Err() != nil {
			return
		}
		mutex.Lock()
		if ok {
			pause, last = firstPause, ""
		}
		mutex.Unlock()
		if text := fmt.Sprint(err); text != last { // not the same again and again
			klog.InfoS("Not connected to the container runtime; trying again", "err", err)
			last = text
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// connect serves one connection until it ends.
func connect(ctx context.Context, socket string, p *plugin) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	s, err := stub.New(p, stub.WithPluginName(Name), stub.WithPluginIdx(index), stub.WithSocketPath(socket), stub.WithLogger(logger{}),
		stub.WithDialer(func(socket string) (net.Conn, error) {
			conn, err := net.Dial("unix", socket)
			return &watchedConn{Conn: conn, ended: sync.OnceFunc(func() { close(ended) })}, err
		}))
	if err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	select {
	case err := <-result:
		return err
	case <-ended:
	}
	// The stub (0.12.5) waits for ever for a runtime that ends between its
	// registration and its configuration.
	select {
	case err := <-result:
		return err
	case <-time.After(closeGrace):
		return errors.New("the connection ended before the plugin was configured")
	}
}

// watchedConn tells when its connection has ended.
type watchedConn struct {
	net.Conn
	ended func()
}

func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.ended()
	}
	return n, err
}

// logger has the stub's messages in podview's log.
type logger struct{}

var _ nrilog.Logger = logger{}

func (logger) Debugf(_ context.Context, format string, args ...any) { klog.V(4).Infof(format, args...) }
func (logger) Infof(_ context.Context, format string, args ...any)  { klog.V(2).Infof(format, args...) }
func (logger) Warnf(_ context.Context, format string, args ...any)  { klog.Warningf(format, args...) }
func (logger) Errorf(_ context.Context, format string, args ...any) { klog.Errorf(format, args...) }
