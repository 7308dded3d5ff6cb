package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cluster is one that runs.
type Cluster struct {
	Config
	// Init is the pid of the namespaces' init, as this process numbers it.
	Init int

	alive io.Closer // the init ends when this is closed, unless Keep
}

// Start starts a cluster in c.Dir, in place of one that an aborted run left
// there, and returns when the node is registered.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	if err := Remove(c.Dir); err != nil {
		return nil, err
	}
	cluster := &Cluster{Config: c}
	return cluster, cluster.boot(ctx)
}

// Reboot is what a node sees when it is switched off and on: all processes and
// mounts are gone, all files but those in /run are there.
func (c *Cluster) Reboot(ctx context.Context) error {
	if err := c.stop(); err != nil {
		return err
	}
	return c.boot(ctx)
}

// ChangeRuntime reboots the node with another runtime, which knows nothing of
// the containers that were there.
func (c *Cluster) ChangeRuntime(ctx context.Context, r Runtime) error {
	config := c.Config
	config.Runtime = r
	config, err := config.filled()
	if err != nil {
		return err
	}
	if err := c.stop(); err != nil {
		return err
	}
	c.Config = config
	if err := os.RemoveAll(filepath.Join(c.Dir, "lib", "containerd")); err != nil {
		return err
	}
	return c.boot(ctx)
}

func (c *Cluster) boot(ctx context.Context) error {
	for _, dir := range []string{"lib", "log", "etcd", "credentials"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	config, err := json.Marshal(c.Config)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.LogDir(), "node.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	report, reporter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	init := exec.Command("/proc/self/exe", string(config))
	init.Args[0] = nodeProgram
	init.Stdout, init.Stderr, init.ExtraFiles = log, log, []*os.File{reporter}
	init.SysProcAttr = &syscall.SysProcAttr{Setsid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}
	if !c.Keep {
		if c.alive, err = init.StdinPipe(); err != nil {
			return err
		}
	}
	err = init.Start()
	reporter.Close()
	if err != nil {
		return fmt.Errorf("namespaces: %w", err)
	}
	c.Init = init.Process.Pid
	go init.Wait()
	if err := c.save(); err != nil {
		return err
	}
	return c.ready(ctx, report)
}

// ready waits for what the init says, and for the node to be registered.
func (c *Cluster) ready(ctx context.Context, report io.Reader) error {
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(report).ReadString('\n')
		said <- strings.TrimSpace(line)
	}()
	select {
	case line := <-said:
		if line != "ready" {
			return fmt.Errorf("the cluster did not start: %q; see %s", line, c.LogDir())
		}
	case <-ctx.Done():
		return fmt.Errorf("the cluster did not start, see %s: %w", c.LogDir(), ctx.Err())
	}
	for {
		out, err := c.Kubectl(ctx, "wait", "--for=condition=Ready", "node/"+NodeName, "--timeout=60s")
		if err == nil || ctx.Err() != nil || !strings.Contains(out, "NotFound") {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Command is a program to run in the cluster's namespaces, with kubectl and ctr
// of the cluster first in PATH.
func (c *Cluster) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(c.Init), "--mount", "--net", "--pid", "--", "env",
		"PATH=" + c.Bin + ":" + os.Getenv("PATH"), "KUBECONFIG=" + c.Kubeconfig(), program}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// Kubectl returns stdout and stderr of kubectl together. The error has them too.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := c.Command(ctx, "kubectl", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// Down ends the cluster and removes everything of it, logs too.
func (c *Cluster) Down() error { return errors.Join(c.stop(), Remove(c.Dir)) }
