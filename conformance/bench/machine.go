package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/report"
)

// describe says where and when; the versions are the programs' own words.
func (b *bench) describe(cgroupVersion string) (m report.Machine, err error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, err
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return m, err
	}
	m = report.Machine{
		Date:      time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Kernel:    unix.ByteSliceToString(name.Release[:]),
		CPU:       cpuModel(),
		CPUs:      runtime.NumCPU(),
		MemoryGiB: int(uint64(info.Totalram) * uint64(info.Unit) >> 30),
		Cgroup:    cgroupVersion,
		Rounds:    b.rounds,
		SliceMsec: int(b.slice.Milliseconds()),
		Versions:  map[string]string{"Go": runtime.Version()},
	}
	for server, argv := range map[string][]string{report.Podview: {b.podview, "version"}, report.Lxcfs: {"lxcfs", "-v"}} {
		if b.measures(server) {
			out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if err != nil {
				return m, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
			}
			m.Versions[server] = strings.Trim(strings.TrimPrefix(strings.TrimSpace(string(out)), server+" "), `"`)
		}
	}
	m.LoadBefore, err = loadAverages()
	return m, err
}

// loadAverages are the machine's own: of 1, 5 and 15 minutes.
func loadAverages() (string, error) {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err == nil && len(fields) < 3 {
		err = fmt.Errorf("/proc/loadavg: %q", text)
	}
	if err != nil {
		return "", err
	}
	return strings.Join(fields[:3], " "), nil
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
