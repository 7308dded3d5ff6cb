package sysfile

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// usualCPUs is how many CPUs cost no allocation.
const usualCPUs = 128

// appendShown is all of the container's CPUs as a list: "2,5-7".
func appendShown(dst, _ []byte, m *Machine) ([]byte, error) {
	return appendList(dst, m.CPUs.Shown), nil
}

// appendOffline is what is off line on the host or for the container, as
// drivers/base/cpu.c print_cpus_offline has it: possible and not on line.
func appendOffline(dst, host []byte, m *Machine) ([]byte, error) {
	offline, err := cgroup.ParseCPUList(host, make([]int, 0, usualCPUs))
	if err != nil {
		return nil, err
	}
	for _, cpu := range m.Online {
		if !m.shows(cpu) {
			offline = append(offline, cpu)
		}
	}
	slices.Sort(offline)
	return appendList(dst, slices.Compact(offline)), nil
}

// appendZero is the file online of a CPU that is off line.
func appendZero(dst, _ []byte, _ *Machine) ([]byte, error) { return append(dst, "0\n"...), nil }

// appendShownOf keeps those of the host's listed CPUs that are the
// container's.
func appendShownOf(dst, host []byte, m *Machine) ([]byte, error) {
	listed, err := cgroup.ParseCPUList(host, make([]int, 0, usualCPUs))
	if err != nil {
		return nil, err
	}
	return appendList(dst, m.shown(listed)), nil
}

// appendShownMask is appendShownOf for a mask, as wide as the host's.
func appendShownMask(dst, host []byte, m *Machine) ([]byte, error) {
	listed, err := parseMask(host, make([]int, 0, usualCPUs))
	if err != nil {
		return nil, err
	}
	return appendMask(dst, maskWords(host), m.shown(listed)), nil
}

// appendShownWords is for cpufreq's lists, which have a space between
// numbers: "0 1 2". Of a policy without a CPU of the container's it is the
// host's, as long as the policy is there: programs divide by how many there are.
func appendShownWords(dst, host []byte, m *Machine) ([]byte, error) {
	listed := make([]int, 0, usualCPUs)
	for word := range bytes.FieldsSeq(host) {
		n, err := strconv.ParseUint(string(word), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("CPU list %.80q is not numbers with spaces between", host)
		}
		listed = append(listed, int(n))
	}
	shown := m.shown(listed)
	if len(shown) == 0 {
		return append(dst, host...), nil
	}
	for i, n := range shown {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return append(dst, '\n'), nil
}

// appendNodesOfShown keeps those of the host's listed NUMA nodes that have a
// CPU of the container's.
func appendNodesOfShown(dst, host []byte, m *Machine) ([]byte, error) {
	nodes, err := cgroup.ParseCPUList(host, make([]int, 0, usualCPUs)) // nodes are listed as CPUs are
	if err != nil {
		return nil, err
	}
	var with []int
	for _, cpu := range m.CPUs.Shown {
		node, ok := m.Order.Node(cpu)
		if !ok {
			return append(dst, host...), nil
		}
		with = append(with, node)
	}
	return appendList(dst, slices.DeleteFunc(nodes, func(n int) bool { return !slices.Contains(with, n) })), nil
}

// appendList prints ascending numbers as the kernel's %*pbl: "0-1,4".
func appendList(dst []byte, numbers []int) []byte {
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(numbers[i]), 10)
		if j > i {
			dst = append(dst, '-')
			dst = strconv.AppendInt(dst, int64(numbers[j]), 10)
		}
		i = j + 1
	}
	return append(dst, '\n')
}

// parseMask reads the kernel's %*pb: hexadecimal words of 32 bits, comma
// between them, highest first ("00000000,00000003"; the first may be shorter).
func parseMask(text []byte, numbers []int) ([]int, error) {
	rest := bytes.TrimSpace(text)
	for first, more := 0, true; more; first += 32 {
		comma := bytes.LastIndexByte(rest, ',')
		word, err := strconv.ParseUint(string(rest[comma+1:]), 16, 32)
		if err != nil || first >= 32<<12 {
			return nil, fmt.Errorf("CPU mask %.80q is not hexadecimal words", text)
		}
		for bit := range 32 {
			if word>>bit&1 == 1 {
				numbers = append(numbers, first+bit)
			}
		}
		if more = comma >= 0; more {
			rest = rest[:comma]
		}
	}
	return numbers, nil
}

// maskWords gives the host's width: digits of the first word, number of words.
type maskWidth struct{ firstDigits, words int }

func maskWords(host []byte) maskWidth {
	host = bytes.TrimSpace(host)
	first, _, _ := bytes.Cut(host, []byte(","))
	return maskWidth{max(1, min(len(first), 8)), 1 + bytes.Count(host, []byte(","))}
}

// appendMask prints words of 32 CPUs.
func appendMask(dst []byte, width maskWidth, numbers []int) []byte {
	for i := width.words - 1; i >= 0; i-- {
		digits := 8
		if i == width.words-1 {
			digits = width.firstDigits
		}
		var bits uint32
		for _, n := range numbers {
			if n/32 == i {
				bits |= 1 << (n % 32)
			}
		}
		for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
			dst = append(dst, "0123456789abcdef"[bits>>shift&15])
		}
		if i > 0 {
			dst = append(dst, ',')
		}
	}
	return append(dst, '\n')
}
