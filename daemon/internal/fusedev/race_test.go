//go:build race

package fusedev_test

// raced: the race detector does not know that a reply comes after what was done
// before it.
const raced = true
