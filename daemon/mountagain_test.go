package main

import (
	"testing"
	"time"
)

func TestNextMountPause(t *testing.T) {
	if pause := nextMountPause(maxMountPause, lasting); pause != 0 {
		t.Errorf("after a mount that lasted: %v", pause)
	}
	var pause, all time.Duration
	for range 20 {
		pause = nextMountPause(pause, lasting-1)
		if pause < firstMountPause || pause > maxMountPause {
			t.Fatalf("pause %v", pause)
		}
		all += pause
	}
	if all < 15*maxMountPause {
		t.Errorf("20 mounts in %v", all)
	}
}
