//go:build cgo

package confine

// withC: the program has C in it, as one with the race detector does. It makes
// threads that Go does not know, and calls that are on no list here.
const withC = true
