package cgroup

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
)

// Error is a text that the kernel would not have written.
type Error struct {
	File string // empty as the parsers return it: InFile fills it
	Text string // the offending part, at most maxQuoteBytes
}

const maxQuoteBytes = 64

func (e *Error) Error() string {
	if e.File == "" {
		return "malformed: " + strconv.Quote(e.Text)
	}
	return e.File + ": malformed: " + strconv.Quote(e.Text)
}

// Malformed quotes text in an Error.
func Malformed(text []byte) error {
	return &Error{Text: string(text[:min(len(text), maxQuoteBytes)])}
}

// InFile names the file in an *Error without one; other errors stay as they
// are.
func InFile(file string, err error) error {
	if e, ok := err.(*Error); ok && e.File == "" {
		return &Error{File: file, Text: e.Text}
	}
	return err
}

// noV1Limit is where v1's "no limit" begins: LONG_MAX rounded down to a page
// (PAGE_COUNTER_MAX, include/linux/page_counter.h). Pages are 64 KiB at most.
const noV1Limit = math.MaxInt64 &^ (64<<10 - 1)

// ParseUint reads a file of one decimal number.
func ParseUint(text []byte) (uint64, error) {
	n, ok := number(trimLine(text))
	if !ok {
		return 0, Malformed(text)
	}
	return n, nil
}

// ParseLimit reads a limit in bytes: a number, or one of the two ways to say
// Unlimited: v2's "max", v1's page-rounded LONG_MAX.
func ParseLimit(text []byte) (uint64, error) {
	if string(trimLine(text)) == "max" {
		return Unlimited, nil
	}
	n, err := ParseUint(text)
	if err == nil && n >= noV1Limit {
		n = Unlimited
	}
	return n, err
}

// ParseKeyed reads a flat keyed file ("anon 4096\nfile 0\n") and passes each
// line to visit. An empty file, and one that ends within a line, are errors.
func ParseKeyed(text []byte, visit func(key []byte, value uint64)) error {
	if len(text) == 0 {
		return Malformed(text)
	}
	for len(text) > 0 {
		line, rest, complete := bytes.Cut(text, newline)
		key, value, _ := bytes.Cut(line, space)
		n, ok := number(value)
		if !ok || !complete || len(key) == 0 {
			return Malformed(line)
		}
		visit(key, n)
		text = rest
	}
	return nil
}

// ParsePIDs appends the pids of cgroup.procs. 0 is a process that the
// reader's pid namespace does not know, and is left out.
func ParsePIDs(text []byte, pids []int) ([]int, error) {
	for len(text) > 0 {
		line, rest, complete := bytes.Cut(text, newline)
		pid, ok := number(line)
		if !ok || !complete || pid > math.MaxInt32 {
			return pids, Malformed(line)
		}
		if pid != 0 {
			pids = append(pids, int(pid))
		}
		text = rest
	}
	return pids, nil
}

var (
	newline = []byte{'\n'}
	space   = []byte{' '}
)

func trimLine(text []byte) []byte { return bytes.TrimSuffix(text, newline) }

// number reads digits and nothing else: strconv would need a string, and
// takes signs.
func number(digits []byte) (n uint64, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		high, low := bits.Mul64(n, 10)
		sum, carry := bits.Add64(low, uint64(c-'0'), 0)
		if high != 0 || carry != 0 {
			return 0, false
		}
		n = sum
	}
	return n, len(digits) > 0
}

// word cuts the first of text's words, which single spaces separate.
func word(text []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(text, space)
	return first, rest
}
