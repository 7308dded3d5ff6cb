package main

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable is text for a terminal, in quotes where a terminal would do more
// than show it: containers choose the names of their cgroups and mount points.
func printable(text string) string {
	harmful := func(r rune) bool { return !strconv.IsPrint(r) && r != '\n' }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, harmful) {
		return strconv.Quote(text)
	}
	return text
}
