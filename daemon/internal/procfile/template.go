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
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return nil, nil
	}
	return trimBlanks(line[:i]), trimBlanks(line[i+1:])
}

func trimBlanks(text []byte) []byte {
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

// findLine is the first line that starts with name and a colon. It does not
// look at the lines before it, which takes most of the time of a reading by
// lines.
func findLine(text []byte, name string) (line []byte, found bool) {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(name))
		if i < 0 {
			return nil, false
		}
		at, end := from+i, from+i+len(name)
		if (at == 0 || text[at-1] == '\n') && end < len(text) && text[end] == ':' {
			line, _ = cutLine(text[at:])
			return line, true
		}
		from = end
	}
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
	var room [20]byte // digits of the largest
	digits := strconv.AppendUint(room[:0], n, 10)
	return append(appendBlanks(dst, width-len(digits)), digits...)
}

const blanks = "                                                                "

func appendBlanks(dst []byte, n int) []byte {
	for ; n > len(blanks); n -= len(blanks) {
		dst = append(dst, blanks...)
	}
	return append(dst, blanks[:max(n, 0)]...)
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
