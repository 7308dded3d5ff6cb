package caller

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/podview/podview/daemon/internal/host"
)

// Stat is what podview uses of /proc/PID/stat.
type Stat struct {
	State      byte   // R, S, D, Z, …
	StartTicks uint64 // start time since boot, in clock ticks
}

// ReadStat reads /proc/PID/stat of a process, or of a thread by its own id.
func ReadStat(proc string, pid int) (Stat, error) {
	return ReadStatFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
}

// ReadStatFile reads a stat file by name (/proc/PID/task/TID/stat).
func ReadStatFile(file string) (Stat, error) {
	text, err := host.ReadFile(file, nil)
	if err != nil {
		return Stat{}, err
	}
	stat, err := parseStat(text)
	if err != nil {
		return Stat{}, fmt.Errorf("%s: %w", file, err)
	}
	return stat, nil
}

// parseStat takes the fields after the last ')': the process chooses its own
// name, and may put spaces, digits and parentheses in it.
func parseStat(text []byte) (Stat, error) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return Stat{}, fmt.Errorf("no command name in %.80q", text)
	}
	const stateField, startField = 3, 22 // numbered as in proc(5)
	var stat Stat
	field := stateField
	for f := range bytes.FieldsSeq(text[i+1:]) {
		switch field {
		case stateField:
			stat.State = f[0]
		case startField:
			ticks, err := strconv.ParseUint(string(f), 10, 64)
			if err != nil {
				return Stat{}, fmt.Errorf("start time %.80q is not a number", f)
			}
			stat.StartTicks = ticks
			return stat, nil
		}
		field++
	}
	return Stat{}, fmt.Errorf("%d fields, no start time, in %.80q", field-1, text)
}

// parseState is parseStat for the state alone.
func parseState(text []byte) (byte, error) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 || len(text) < i+3 || text[i+1] != ' ' {
		return 0, fmt.Errorf("no command name and state in %.80q", text)
	}
	return text[i+2], nil
}

// status is what podview uses of /proc/PID/status.
type status struct {
	tgid, ppid int
	pidInside  int // the process's id in its innermost pid namespace
	pidLevels  int // how many namespaces number it, from ours inwards
}

func readStatus(proc string, pid int) (status, error) {
	file := filepath.Join(proc, strconv.Itoa(pid), "status")
	text, err := host.ReadFile(file, nil)
	if err != nil {
		return status{}, err
	}
	s, err := parseStatus(text)
	if err != nil {
		return status{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

func parseStatus(text []byte) (status, error) {
	s := status{ppid: -1}
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		switch string(key) {
		case "Tgid":
			s.tgid, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		case "PPid":
			s.ppid, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		case "NSpid":
			for pid := range bytes.FieldsSeq(value) { // outermost first
				s.pidInside, _ = strconv.Atoi(string(pid))
				s.pidLevels++
			}
		}
	}
	if s.tgid <= 0 || s.ppid < 0 || s.pidInside <= 0 {
		return status{}, fmt.Errorf("no Tgid, PPid or NSpid in %.80q", text)
	}
	return s, nil
}
