package demo

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/podview/podview/daemon/internal/quantity"
	"github.com/podview/podview/daemon/internal/syscallview"
)

const usageText = `usage: podview demo [flags] -- COMMAND [ARG...]

Runs COMMAND as a container sees it: in a cgroup with these limits, as process
1 of its own pid namespace, in a time namespace where the machine has just
started (newer kernels than 6.1), with podview's files over the kernel's. Nothing is left
behind.

  --memory QUANTITY   memory limit, such as 256Mi or 1G (default none)
  --cpus QUANTITY     CPU limit, such as 1, 0.5 or 500m (default none)
  --swap QUANTITY     swap on top of --memory (default 0, as in a pod)
  --cpuset LIST       the CPUs it may run on, such as 0 or 0-2,5 (default all;
                      with a whole number of --cpus, that many, as a Guaranteed
                      pod has under the kubelet's static CPU manager)
  --view DIR          use the tree mounted at DIR (podview's or lxcfs's)
                      instead of a podview serve of its own
  --syscalls LIST     system calls that tell the limits, too: sysinfo, affinity
                      or both, with a comma (default none)

The exit code is COMMAND's, 128+N when signal N killed it, 127 when it is not
found, 126 when it cannot be run, 125 when the demo itself fails.
`

// config is what the command line asks for.
type config struct {
	memoryBytes int64 // 0: no limit
	milliCPUs   int64 // 0: no limit
	swapBytes   int64 // on top of memoryBytes
	swapSet     bool  // --swap was given: it is an error if it cannot be had
	cpuset      string
	viewDir     string // "": run our own daemon
	syscalls    string // as for podview serve
	command     []string
}

// parse reads the command line. Errors quote what was wrong; flag.ErrHelp
// when help was asked for.
func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("memory", "", func(text string) (err error) {
		c.memoryBytes, err = positive(quantity.Bytes, text)
		return err
	})
	flags.Func("cpus", "", func(text string) (err error) {
		c.milliCPUs, err = positive(quantity.Milli, text)
		return err
	})
	flags.Func("swap", "", func(text string) (err error) {
		c.swapSet = true
		c.swapBytes, err = quantity.Bytes(text)
		return err
	})
	flags.Func("cpuset", "", func(text string) error {
		c.cpuset = text
		return checkCPUList(text)
	})
	flags.StringVar(&c.viewDir, "view", "", "")
	flags.Func("syscalls", "", func(text string) error {
		c.syscalls = text
		_, err := syscallview.Parse(text)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	c.command = flags.Args()
	return c, c.check()
}

func (c config) check() error {
	switch {
	case len(c.command) == 0:
		return errors.New("no command to run: podview demo [flags] -- COMMAND [ARG...]")
	case c.swapSet && c.memoryBytes == 0:
		// cgroup v1 has no limit on swap alone, only on memory plus swap.
		return errors.New("--swap needs --memory")
	case c.syscalls != "" && c.viewDir != "":
		return errors.New("--syscalls is for podview demo's own view, not one of --view")
	case c.swapBytes > math.MaxInt64-c.memoryBytes:
		return fmt.Errorf("--memory and --swap together are more than %d bytes", int64(math.MaxInt64))
	case c.milliCPUs > math.MaxInt64/periodUsec:
		return fmt.Errorf("--cpus: %d milli-CPUs are more than a quota can hold", c.milliCPUs)
	}
	return nil
}

// positive refuses 0: a limit of 0 would kill the command at once on cgroup
// v1 and mean "no limit" in Kubernetes.
func positive(read func(string) (int64, error), text string) (int64, error) {
	n, err := read(text)
	if err == nil && n == 0 {
		err = fmt.Errorf("quantity %q: a limit must be more than 0", text)
	}
	return n, err
}

// checkCPUList refuses what cpuset.cpus cannot mean; the kernel's own answer
// is a bare EINVAL. Whether the machine has these CPUs is for the kernel to
// say.
func checkCPUList(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return fmt.Errorf("CPU list %q: %q is not a CPU number", text, first)
		}
		high, err := strconv.ParseUint(last, 10, 16)
		if err != nil {
			return fmt.Errorf("CPU list %q: %q is not a CPU number", text, last)
		}
		if high < low {
			return fmt.Errorf("CPU list %q: %q runs backwards", text, part)
		}
	}
	return nil
}
