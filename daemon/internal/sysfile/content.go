package sysfile

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// appendVisible is all of the container's CPUs as a list: "0-3".
func appendVisible(dst, _ []byte, m *Machine) ([]byte, error) {
	return appendRange(dst, len(m.CPUs.Physical)), nil
}

func appendRange(dst []byte, n int) []byte {
	dst = append(dst, '0')
	if n > 1 {
		dst = append(dst, '-')
		dst = strconv.AppendInt(dst, int64(n-1), 10)
	}
	return append(dst, '\n')
}

// appendNone is the kernel's empty list.
func appendNone(dst, _ []byte, _ *Machine) ([]byte, error) { return append(dst, '\n'), nil }

// appendZero is a list of nodes with the one node.
func appendZero(dst, _ []byte, _ *Machine) ([]byte, error) { return append(dst, "0\n"...), nil }

// appendDistance: a node's distance to itself is LOCAL_DISTANCE.
func appendDistance(dst, _ []byte, _ *Machine) ([]byte, error) { return append(dst, "10\n"...), nil }

// appendVisibleMask is all of the container's CPUs as a mask, as wide as the
// host's.
func appendVisibleMask(dst, host []byte, m *Machine) ([]byte, error) {
	all := make([]int, len(m.CPUs.Physical))
	for i := range all {
		all[i] = i
	}
	return appendMask(dst, all, maskWords(host)), nil
}

// appendRenumberedList keeps those of the host's listed CPUs that are the
// container's, by their virtual numbers.
func appendRenumberedList(dst, host []byte, m *Machine) ([]byte, error) {
	physical, err := cgroup.ParseCPUList(host, nil)
	if err != nil {
		return nil, err
	}
	return appendList(dst, renumber(physical, m.CPUs.Physical)), nil
}

func appendRenumberedMask(dst, host []byte, m *Machine) ([]byte, error) {
	physical, err := parseMask(host)
	if err != nil {
		return nil, err
	}
	return appendMask(dst, renumber(physical, m.CPUs.Physical), maskWords(host)), nil
}

// appendRenumberedWords is for cpufreq's lists, which have a space between
// numbers: "0 1 2".
func appendRenumberedWords(dst, host []byte, m *Machine) ([]byte, error) {
	var physical []int
	for word := range bytes.FieldsSeq(host) {
		n, err := strconv.ParseUint(string(word), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("CPU list %.80q is not numbers with spaces between", host)
		}
		physical = append(physical, int(n))
	}
	for i, n := range renumber(physical, m.CPUs.Physical) {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return append(dst, '\n'), nil
}

// renumber returns the positions in visible of what is in both; both ascend.
func renumber(physical, visible []int) []int {
	var virtual []int
	i := 0
	for v, p := range visible {
		for i < len(physical) && physical[i] < p {
			i++
		}
		if i < len(physical) && physical[i] == p {
			virtual = append(virtual, v)
		}
	}
	return virtual
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
func parseMask(text []byte) ([]int, error) {
	words := bytes.Split(bytes.TrimSpace(text), []byte(","))
	var numbers []int
	for i := len(words) - 1; i >= 0; i-- {
		word, err := strconv.ParseUint(string(words[i]), 16, 32)
		if err != nil || len(words) > 1<<12 {
			return nil, fmt.Errorf("CPU mask %.80q is not hexadecimal words", text)
		}
		for bit := range 32 {
			if word>>bit&1 == 1 {
				numbers = append(numbers, (len(words)-1-i)*32+bit)
			}
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

func appendMask(dst []byte, numbers []int, width maskWidth) []byte {
	words := make([]uint32, width.words)
	for _, n := range numbers {
		if n/32 < len(words) {
			words[n/32] |= 1 << (n % 32)
		}
	}
	for i := len(words) - 1; i >= 0; i-- {
		digits := 8
		if i == len(words)-1 {
			digits = width.firstDigits
		}
		for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
			dst = append(dst, "0123456789abcdef"[words[i]>>shift&15])
		}
		if i > 0 {
			dst = append(dst, ',')
		}
	}
	return append(dst, '\n')
}
