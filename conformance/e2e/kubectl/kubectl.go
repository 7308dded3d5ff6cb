// Package kubectl asks the test cluster's API server what its users ask it, in
// the way they do.
package kubectl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/podview/podview/conformance/e2e/process"
)

// Client runs kubectl against one cluster. It makes a command that runs in the
// cluster's namespaces, where kubectl is in PATH and KUBECONFIG is set.
type Client func(ctx context.Context, program string, args ...string) *exec.Cmd

// Do returns what kubectl prints. Its error has what it complains about.
func (c Client) Do(ctx context.Context, args ...string) (string, error) {
	return c.Input(ctx, nil, args...)
}

// Input is Do with a standard input, for -f -.
func (c Client) Input(ctx context.Context, stdin []byte, args ...string) (string, error) {
	cmd := c(ctx, "kubectl", args...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// Established waits until the API server serves all custom resources. kubectl
// wait fails on one that is so new that it has no conditions, so it is asked
// again.
func (c Client) Established(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Until(ctx, func() error {
		_, err := c.Do(ctx, "wait", "--for=condition=Established", "crd", "--all", "--timeout=10s")
		return err
	})
}

// Until calls done until it says so by nil, until a program that it looked at
// has ended, or until the context ends. The error is that of the last call.
func Until(ctx context.Context, done func() error) error {
	for {
		err := done()
		if err == nil || errors.Is(err, process.ErrEnded) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
