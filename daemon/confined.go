package main

import (
	"net"

	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/confine"
	"github.com/podview/podview/daemon/internal/pipeline"
)

// confineWorker gives up what a worker does not need to serve. What it can't
// give up is no reason not to serve.
func confineWorker(c *serveConfig, p *pipeline.Pipeline, metricsAddress string) {
	p.Confine()
	const privilegedPorts = 1024
	address, err := net.ResolveTCPAddr("tcp", metricsAddress)
	sayUnconfined(workerCommand, confine.Worker(confine.WorkerNeeds{
		Listens:   metricsAddress != "",
		LowPort:   metricsAddress != "" && err == nil && address.Port < privilegedPorts && address.Port > 0,
		Publishes: p.Published != nil || p.Ordered != nil,
	}))
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
