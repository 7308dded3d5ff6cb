package nri

import (
	"context"
	"strings"
	"time"

	"github.com/containerd/nri/pkg/api"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/reattach"
	"github.com/podview/podview/daemon/paths"
)

// plugin answers the runtime's calls. It subscribes to what it has methods
// for, and to nothing else.
type plugin struct {
	rules    Rules
	attacher *attacher
	times    *timeNamespaces // nil: none are made
	// created looks at a container that does not run yet.
	created func(container)
	// synchronized is called when the runtime has told all that it has.
	synchronized func()
}

// CreateContainer adds the mounts. Without a view that answers the container
// starts with the host's figures.
func (p *plugin) CreateContainer(_ context.Context, pod *api.PodSandbox, c *api.Container) (*api.ContainerAdjustment, []*api.ContainerUpdate, error) {
	if !p.rules.Wants(pod) {
		return nil, nil, nil
	}
	start := time.Now()
	h := p.attacher.view()
	add := p.rules.Mounts(c.GetMounts(), h.has)
	if h.superblock == "" {
		klog.InfoS("No view is served; the container starts without, and gets it when there is one", "container", nameOf(pod, c))
	}
	adjustment := &api.ContainerAdjustment{}
	if path := p.timeNamespace(pod, c); path != "" {
		adjustment.AddOrReplaceNamespace(&api.LinuxNamespace{Type: "time", Path: path})
	} else if len(add) == 0 {
		return nil, nil, nil
	}
	for _, m := range add {
		adjustment.AddMount(m)
	}
	klog.V(1).InfoS("Mounting the view", "container", nameOf(pod, c), "mounts", len(add), "took", time.Since(start))
	return adjustment, nil, nil
}

// timeNamespace is the path of one for a container, "" for none.
func (p *plugin) timeNamespace(pod *api.PodSandbox, c *api.Container) string {
	if p.times == nil {
		return ""
	}
	path, err := p.times.create(pod, c)
	if err != nil {
		klog.ErrorS(err, "No time namespace; the container starts without", "container", nameOf(pod, c))
	}
	return path
}

// StartContainer is called when the container's mounts are made and its program
// does not run yet: soon enough to take them off one with procMount: Unmasked,
// for which Kubernetes wants a user namespace. Other such containers wait for
// PostStartContainer.
func (p *plugin) StartContainer(_ context.Context, pod *api.PodSandbox, c *api.Container) error {
	if !p.rules.Wants(pod) || !sparesUnmasked(pod, c) || !ownUsers(c) {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.created(running(pod, c))
	}()
	select {
	case <-done:
	case <-time.After(startDeadline):
		klog.ErrorS(nil, "Looking at a container took too long; it starts as it is", "container", nameOf(pod, c), "deadline", startDeadline)
	}
	return nil
}

// PostStartContainer looks after what CreateContainer could not do.
func (p *plugin) PostStartContainer(_ context.Context, pod *api.PodSandbox, c *api.Container) error {
	if p.times != nil {
		p.times.started(c.GetId())
	}
	if p.rules.Wants(pod) && c.GetPid() != 0 {
		p.attacher.start(running(pod, c))
	}
	return nil
}

func (p *plugin) RemoveContainer(_ context.Context, _ *api.PodSandbox, c *api.Container) error {
	p.attacher.remove(c.GetId())
	if p.times != nil {
		p.times.removed(c.GetId())
	}
	return nil
}

// RemovePodSandbox comes after the pod's containers.
func (p *plugin) RemovePodSandbox(_ context.Context, pod *api.PodSandbox) error {
	if p.times != nil {
		p.times.podRemoved(pod.GetId())
	}
	return nil
}

// Synchronize is told of everything that is there when the plugin connects.
func (p *plugin) Synchronize(_ context.Context, pods []*api.PodSandbox, containers []*api.Container) ([]*api.ContainerUpdate, error) {
	byID := map[string]*api.PodSandbox{}
	for _, pod := range pods {
		byID[pod.GetId()] = pod
	}
	var all []container
	for _, c := range containers {
		pod := byID[c.GetPodSandboxId()]
		// One that was created and not started has no pid yet.
		if c.GetState() == api.ContainerState_CONTAINER_RUNNING && c.GetPid() != 0 && p.rules.Wants(pod) {
			all = append(all, running(pod, c))
		}
	}
	klog.InfoS("Connected to the container runtime", "containers", len(containers), "labelled and running", len(all))
	p.attacher.replace(all)
	p.synchronized()
	return nil, nil
}

func running(pod *api.PodSandbox, c *api.Container) container {
	return container{id: c.GetId(), pid: int(c.GetPid()), name: nameOf(pod, c), mounts: c.GetMounts(), spares: sparesUnmasked(pod, c)}
}

func nameOf(pod *api.PodSandbox, c *api.Container) string {
	return strings.Join([]string{pod.GetNamespace(), pod.GetName(), c.GetName()}, "/")
}

// detach makes a container with procMount: Unmasked see the kernel's files.
func detach(c container, procfs string) {
	var all []string
	for _, p := range paths.All {
		all = append(all, p.Path)
	}
	report := reattach.Detach(reattach.Config{Proc: procfs}, reattach.Target{PID: c.pid, ID: c.id, Paths: all})
	switch failed := report.Err(); {
	case failed != nil:
		klog.ErrorS(failed, "Could not take the view off a container with procMount Unmasked", "container", c.name)
	case len(report.Replaced) > 0:
		klog.InfoS("Took the view off a container with procMount Unmasked", "container", c.name, "paths", len(report.Replaced), "took", report.Took)
	}
}

// spareCreated finds the container's process itself, since the runtime does
// not tell its number yet.
func spareCreated(procfs string) func(container) {
	return func(c container) {
		if c.pid == 0 {
			c.pid = reattach.Find(procfs, c.id)
		}
		if c.pid == 0 {
			return
		}
		if unmasked, err := reattach.Unmasked(procfs, c.pid); err == nil && unmasked {
			detach(c, procfs)
		}
	}
}

// attachTo gives one running container what it lacks of the view, or takes
// off it what it is not to have.
func attachTo(rules Rules, procfs string) func(container, []string) error {
	return func(c container, has []string) error {
		if c.spares {
			switch unmasked, err := reattach.Unmasked(procfs, c.pid); {
			case err != nil: // left as it is
				klog.ErrorS(err, "Could not look for what is over its /proc", "container", c.name)
				return nil
			case unmasked:
				detach(c, procfs)
				return nil
			}
		}
		report, err := reattach.Attach(
			reattach.Config{View: rules.View, Proc: procfs},
			reattach.Target{PID: c.pid, ID: c.id, Paths: rules.Attachable(c.mounts, has)})
		switch failed := report.Err(); {
		case err != nil:
			klog.ErrorS(err, "Could not attach the view; trying again when it answers", "container", c.name)
		case failed != nil:
			klog.ErrorS(failed, "Could not attach all of the view", "container", c.name, "attached", len(report.Replaced), "failed", len(report.Failures))
		case len(report.Replaced) > 0:
			klog.InfoS("Attached the view to a running container", "container", c.name, "attached", len(report.Replaced), "took", report.Took)
		}
		return err
	}
}
