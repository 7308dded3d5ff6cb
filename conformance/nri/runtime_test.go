package nri

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containerd/nri/pkg/adaptation"
	"github.com/containerd/nri/pkg/api"
	validator "github.com/containerd/nri/plugins/default-validator/builtin"
)

// containerRuntime is the runtime's end of NRI, and what it runs.
type containerRuntime struct {
	dir      string
	validate bool // enable the default validator
	nri      *adaptation.Adaptation
	front    *socket

	mutex      sync.Mutex
	pods       []*api.PodSandbox
	containers []*api.Container
	// synchronized counts the plugins that were told of everything.
	synchronized atomic.Int32
	// viewServed: a plugin that is asked adds mounts.
	viewServed bool
}

func newRuntime(t *testing.T, validate bool) *containerRuntime {
	t.Helper()
	r := &containerRuntime{dir: t.TempDir(), validate: validate}
	r.start(t)
	t.Cleanup(r.stop)
	return r
}

func (r *containerRuntime) socket() string { return filepath.Join(r.dir, "nri.sock") }

func (r *containerRuntime) stop() {
	r.front.close()
	r.nri.Stop()
}

// start also starts it again, as an update of the runtime does.
func (r *containerRuntime) start(t *testing.T) {
	t.Helper()
	var err error
	behind := filepath.Join(r.dir, "behind.sock")
	r.nri, err = adaptation.New("test", "v0.0.0", r.synchronize,
		func(context.Context, []*api.ContainerUpdate) ([]*api.ContainerUpdate, error) { return nil, nil },
		adaptation.WithSocketPath(behind), adaptation.WithPluginPath(r.dir), adaptation.WithPluginConfigPath(r.dir),
		adaptation.WithDefaultValidator(&validator.DefaultValidatorConfig{Enable: r.validate}))
	if err == nil {
		err = r.nri.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.front = listen(t, r.socket(), behind)
}

func (r *containerRuntime) synchronize(ctx context.Context, tell adaptation.SyncCB) error {
	r.mutex.Lock()
	pods, containers := r.pods, r.containers
	r.mutex.Unlock()
	_, err := tell(ctx, pods, containers)
	if err == nil && len(pods) > 0 {
		r.synchronized.Add(1)
	}
	return err
}

var made atomic.Int32

// pod makes one with this label, "" for none.
func (r *containerRuntime) pod(inject string) *api.PodSandbox {
	pod := &api.PodSandbox{Id: fmt.Sprintf("pod-%d", made.Add(1)), Name: "pod", Namespace: "restricted"}
	if inject != "" {
		pod.Labels = map[string]string{"podview.dev/inject": inject}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pods = append(r.pods, pod)
	return pod
}

// create makes a container of these mounts and the usual ones. Its mounts
// are then those of the plugins, too.
func (r *containerRuntime) create(pod *api.PodSandbox, mounts ...*api.Mount) (*api.Container, error) {
	return r.createWithSys(pod, []string{"nosuid", "noexec", "nodev", "ro"}, mounts...)
}

// createWithSys has these options for /sys.
func (r *containerRuntime) createWithSys(pod *api.PodSandbox, sys []string, mounts ...*api.Mount) (*api.Container, error) {
	c := &api.Container{
		// As containerd's: 64 hex digits.
		Id: fmt.Sprintf("%064x", os.Getpid()<<32+int(made.Add(1))), PodSandboxId: pod.Id, Name: "app", State: api.ContainerState_CONTAINER_CREATED,
		Mounts: append([]*api.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sys},
		}, mounts...),
		Linux: &api.LinuxContainer{Namespaces: namespaces(pod)},
	}
	own := slices.Clone(c.Mounts) // the request's are changed for the next plugin
	response, err := r.nri.CreateContainer(context.Background(), &api.CreateContainerRequest{Pod: pod, Container: c})
	if err != nil {
		return nil, err
	}
	c.Mounts = append(own, response.GetAdjust().GetMounts()...)
	c.Linux.Namespaces = append(namespaces(pod), response.GetAdjust().GetLinux().GetNamespaces()...)
	return c, nil
}

// run creates a container, and starts its process.
func (r *containerRuntime) run(t *testing.T, pod *api.PodSandbox, userNamespace bool) (*api.Container, *process) {
	t.Helper()
	c, err := r.create(pod)
	if err != nil {
		t.Fatal(err)
	}
	// What a runtime hides of /proc, it does not tell the plugins.
	mask := bind("/proc/interrupts", "/dev/null")
	return c, r.startContainer(t, pod, c, append(slices.Clone(c.Mounts), mask), userNamespace)
}

// startContainer starts the process of a container that is created.
func (r *containerRuntime) startContainer(t *testing.T, pod *api.PodSandbox, c *api.Container, mounts []*api.Mount, userNamespace bool) *process {
	t.Helper()
	p := startProcess(t, c, mounts, userNamespace)
	if userNamespace {
		c.Linux.Namespaces = append(c.Linux.Namespaces, &api.LinuxNamespace{Type: "user"})
	}
	if err := r.nri.StartContainer(context.Background(), &api.StartContainerRequest{Pod: pod, Container: c}); err != nil {
		t.Fatal(err)
	}
	p.viewsAtStart = len(p.views(t))
	c.Pid, c.State = uint32(p.pid), api.ContainerState_CONTAINER_RUNNING
	r.mutex.Lock()
	r.containers = append(r.containers, c)
	r.mutex.Unlock()
	if err := r.nri.PostStartContainer(context.Background(), &api.PostStartContainerRequest{Pod: pod, Container: c}); err != nil {
		t.Fatal(err)
	}
	return p
}

// mounted are the paths where a container has the view.
func mounted(c *api.Container) (paths []string) {
	for _, m := range c.Mounts {
		if strings.HasSuffix(m.Source, "/view"+m.Destination) {
			paths = append(paths, m.Destination)
		}
	}
	return paths
}
