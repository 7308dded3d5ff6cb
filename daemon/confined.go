package main

import (
	"net"

	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/confine"
	"github.com/podview/podview/daemon/internal/ledger"
	"github.com/podview/podview/daemon/internal/pipeline"
)

// confineWorker opens what takes privileges, and gives up those that a worker
// does not need to serve. What it can't give up is no reason not to serve.
func confineWorker(c *serveConfig, p *pipeline.Pipeline, shared *ledger.Ledger) error {
	if err := shared.PrepareLock(); err != nil {
		return err
	}
	p.Published, p.Ordered = c.loadPublisher(), c.orderPublisher()
	p.Confine()
	c.metricsAddress = numeric(c.metricsAddress)
	sayUnconfined(workerCommand, confine.Worker(confine.WorkerNeeds{
		Listens:   c.metricsAddress != "",
		LowPort:   isPrivilegedPort(c.metricsAddress),
		Publishes: p.Published != nil || p.Ordered != nil,
	}))
	return nil
}

func isPrivilegedPort(address string) bool {
	const unprivileged = 1024
	resolved, err := net.ResolveTCPAddr("tcp", address)
	return err == nil && resolved.Port > 0 && resolved.Port < unprivileged
}

// sayUnconfined is for doctor to say aloud.
func sayUnconfined(command string, err error) {
	if err != nil {
		klog.V(1).InfoS("A process of podview keeps more privileges than it needs", "command", command, "err", err)
	}
}

// numeric is an address without names, which a confined process can't look up.
// One that can't be looked up now stays what it is, for listening to say why.
func numeric(address string) string {
	if address == "" {
		return ""
	}
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return address
	}
	return resolved.String()
}
