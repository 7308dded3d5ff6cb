package main

import (
	"errors"
	"fmt"
	"math"
	"os"
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
	m = report.Memory{When: when, Server: s.name, Processes: len(pids), FDLimit: math.MaxInt}
	if m.RSSBytes, err = s.rssBytes(); err != nil {
		return m, err
	}
	for _, pid := range pids {
		pss, errPSS := field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		fds, errFDs := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		limit, errLimit := field(fmt.Sprintf("/proc/%d/limits", pid), "Max open files")
		if err := errors.Join(errPSS, errFDs, errLimit); err != nil {
			return m, err
		}
		m.PSSBytes += pss << 10
		m.FDs += len(fds)
		m.MostFDs = max(m.MostFDs, len(fds))
		m.FDLimit = min(m.FDLimit, int(limit))
	}
	return m, nil
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
