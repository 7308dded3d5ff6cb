package procfile

import (
	"bytes"
	"strconv"
)

// TemplateError says which input of an emulated file does not look as the
// kernel prints it.
type TemplateError struct {
	Path    string // the emulated file
	Problem string
	Text    string // the offending text, cut to 64 bytes
}

func (e *TemplateError) Error() string {
	return e.Path + ": " + e.Problem + ": " + strconv.Quote(e.Text)
}

func templateError(path, problem string, text []byte) error {
	return &TemplateError{path, problem, string(text[:min(len(text), 64)])}
}

// checkWhole refuses host bytes that are cut short: the last number of a
// truncated file is a wrong number.
func checkWhole(path string, host []byte) error {
	if len(host) == 0 {
		return templateError(path, "the host's file is empty", nil)
	}
	if host[len(host)-1] != '\n' {
		return templateError(path, "the host's file does not end in a newline", host[max(0, len(host)-64):])
	}
	return nil
}

// cutLine splits off the first line; its newline stays with it.
func cutLine(text []byte) (line, rest []byte) {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return text, nil
}

// cutKey splits "key : value" and drops the blanks around both. key is nil in
// a line without a colon.
func cutKey(line []byte) (key, value []byte) {
	key, value, found := bytes.Cut(line, []byte(":"))
	if !found {
		return nil, nil
	}
	return bytes.TrimSpace(key), bytes.TrimSpace(value)
}

// cutField splits off the first word.
func cutField(text []byte) (field, rest []byte) {
	start := 0
	for start < len(text) && isBlank(text[start]) {
		start++
	}
	end := start
	for end < len(text) && !isBlank(text[end]) {
		end++
	}
	return text[start:end], text[end:]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

func parseUint(text []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, err == nil
}

// appendPadded is printf's %*d.
func appendPadded(dst []byte, n uint64, width int) []byte {
	start := len(dst)
	dst = strconv.AppendUint(dst, n, 10)
	missing := width - (len(dst) - start)
	if missing <= 0 {
		return dst
	}
	digits := len(dst)
	for range missing {
		dst = append(dst, ' ')
	}
	copy(dst[start+missing:], dst[start:digits])
	for i := range missing {
		dst[start+i] = ' '
	}
	return dst
}

// appendHundredths prints a count of 1/100 as the kernel's "%lu.%02lu".
func appendHundredths(dst []byte, n uint64) []byte {
	dst = strconv.AppendUint(dst, n/100, 10)
	return append(dst, '.', byte('0'+n/10%10), byte('0'+n%10))
}

// subtract never wraps: figures of one container are not read at one instant.
func subtract(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}
