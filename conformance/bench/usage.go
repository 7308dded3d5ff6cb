package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/podview/podview/conformance/bench/report"
)

// cpuNsec is the server's CPU time so far; the kernel's own files have none.
func (s *server) cpuNsec() (int64, error) {
	if s.account == nil {
		return 0, nil
	}
	return s.account.CPUNsec()
}

// rssBytes is what its processes have in memory, added up.
func (s *server) rssBytes() (sum int64, err error) {
	if s.account == nil {
		return 0, nil
	}
	pids, err := s.account.Processes()
	for _, pid := range pids {
		kib, errRead := field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		err = errors.Join(err, errRead)
		sum += kib << 10
	}
	if err == nil && sum == 0 {
		err = fmt.Errorf("%s has no process any more%s", s.name, s.logTail())
	}
	return sum, err
}

// memory is everything the server holds.
func (s *server) memory(when string) (m report.Memory, err error) {
	pids, err := s.account.Processes()
	if err != nil {
		return m, err
	}
	m = report.Memory{When: when, Server: s.name, FDLimit: math.MaxInt}
	for _, pid := range pids {
		kib, errRSS := field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		pss, errPSS := field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		fds, errFDs := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		limit, errLimit := field(fmt.Sprintf("/proc/%d/limits", pid), "Max open files")
		if err := errors.Join(errRSS, errPSS, errFDs, errLimit); err != nil {
			return m, err
		}
		m.RSSBytes += kib << 10
		m.PSSBytes += pss << 10
		m.FDs += len(fds)
		m.MostFDs = max(m.MostFDs, len(fds))
		m.FDLimit = min(m.FDLimit, int(limit))
		m.Processes = append(m.Processes, report.Process{Command: subcommand(pid), RSSBytes: kib << 10, FDs: len(fds)})
	}
	return m, nil
}

// subcommand is a process's first argument, where that is a word; else its
// name.
func subcommand(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	argv := strings.Split(string(text), "\x00")
	if len(argv) > 1 && argv[1] != "" && argv[1][0] != '-' {
		return argv[1]
	}
	return filepath.Base(argv[0])
}

// field is the number behind a name at the start of a line.
func field(file, name string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				return strconv.ParseInt(fields[0], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("%s has no %q", file, name)
}
