package demo

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pin gives a container with a whole number of CPUs that many of its own, as
// the kubelet's static CPU manager does for a Guaranteed pod. Programs that
// ask sched_getaffinity(2) then agree with those that ask /sys. --cpuset
// wins, and a part of a CPU stays a quota alone, as it does in Kubernetes.
func (c config) pin(controllers []string, allowed []int) config {
	n := c.milliCPUs / 1000
	if c.cpuset == "" && n > 0 && c.milliCPUs%1000 == 0 && n < int64(len(allowed)) && slices.Contains(controllers, "cpuset") {
		var list []string
		for _, cpu := range allowed[:n] {
			list = append(list, strconv.Itoa(cpu))
		}
		c.cpuset = strings.Join(list, ",")
	}
	return c
}

// allowedCPUs are the CPUs that this process may run on; none when the kernel
// does not say.
func allowedCPUs() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}
