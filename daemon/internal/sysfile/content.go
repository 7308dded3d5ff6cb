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
	left := len(m.CPUs.Physical)
	return appendMask(dst, maskWords(host), func(first int) uint32 {
		return uint32(1<<max(0, min(left-first, 32)) - 1)
	}), nil
}

// usualCPUs is how many CPUs cost no allocation.
const usualCPUs = 128

// appendRenumberedList keeps those of the host's listed CPUs that are the
// container's, by their virtual numbers.
func appendRenumberedList(dst, host []byte, m *Machine) ([]byte, error) {
	physical, err := cgroup.ParseCPUList(host, make([]int, 0, usualCPUs))
	if err != nil {
		return nil, err
	}
	return appendList(dst, renumber(physical, m.CPUs.Physical)), nil
}

func appendRenumberedMask(dst, host []byte, m *Machine) ([]byte, error) {
	physical, err := parseMask(host, make([]int, 0, usualCPUs))
	if err != nil {
		return nil, err
	}
	virtual := renumber(physical, m.CPUs.Physical)
	return appendMask(dst, maskWords(host), func(first int) (word uint32) {
		for _, n := range virtual {
			if n >= first && n < first+32 {
				word |= 1 << (n - first)
			}
		}
		return word
	}), nil
}

// appendRenumberedWords is for cpufreq's lists, which have a space between
// numbers: "0 1 2".
func appendRenumberedWords(dst, host []byte, m *Machine) ([]byte, error) {
	physical := make([]int, 0, usualCPUs)
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
// They take the place of physical: a position is never above its number.
func renumber(physical, visible []int) []int {
	virtual := physical[:0]
	i := 0
	for v, p := range visible {
		for i < len(physical) && physical[i] < p {
			i++
		}
		if i < len(physical) && physical[i] == p {
			virtual = append(virtual, v)
			i++
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

// appendMask prints words of 32 CPUs; word gets the first CPU of each.
func appendMask(dst []byte, width maskWidth, word func(first int) uint32) []byte {
	for i := width.words - 1; i >= 0; i-- {
		digits := 8
		if i == width.words-1 {
			digits = width.firstDigits
		}
		bits := word(32 * i)
		for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
			dst = append(dst, "0123456789abcdef"[bits>>shift&15])
		}
		if i > 0 {
			dst = append(dst, ',')
		}
	}
	return append(dst, '\n')
}
