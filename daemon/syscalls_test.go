package main

import (
	"testing"
	"time"
)

// Files are served though the kernel never gets done with attaching.
func TestWithin(t *testing.T) {
	if got, ok := within(time.Hour, func() int { return 7 }); got != 7 || !ok {
		t.Errorf("%d, %v", got, ok)
	}
	never := make(chan int)
	defer close(never)
	if got, ok := within(0, func() int { return <-never }); got != 0 || ok {
		t.Errorf("of what does not end: %d, %v", got, ok)
	}
}
