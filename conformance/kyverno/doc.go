// Package kyverno runs the Kyverno CLI on the suites below policies/.
//
// The CLI passes what it did not test: a misspelt rule is "Pass, Excluded", a
// misspelt resource and a missing patched document have no row. So the rows
// are compared with testdata, and each resource must have one.
package kyverno
