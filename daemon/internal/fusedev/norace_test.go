//go:build !race

package fusedev_test

const raced = false
