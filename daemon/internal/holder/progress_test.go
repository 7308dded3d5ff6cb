package holder

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/podview/podview/daemon/internal/ledger"
)

func TestProgress(t *testing.T) {
	type look struct {
		waiting  bool
		answered uint64
	}
	repeat := func(n int, l look) (all []look) {
		for range n {
			all = append(all, l)
		}
		return all
	}
	for name, test := range map[string]struct {
		looks []look
		hung  bool
	}{
		"idle":                      {repeat(100, look{false, 7}), false},
		"hangs":                     {append([]look{{false, 7}}, repeat(hungLooks, look{true, 7})...), true},
		"not for long":              {append([]look{{false, 7}}, repeat(hungLooks-1, look{true, 7})...), false},
		"slow, but goes on":         {append(append([]look{{false, 7}}, repeat(hungLooks-1, look{true, 7})...), look{true, 8}), false},
		"everything was answered":   {append(append([]look{{false, 7}}, repeat(hungLooks-1, look{true, 7})...), look{false, 7}, look{true, 7}), false},
		"a new worker, a new count": {append([]look{{true, 7}}, repeat(hungLooks-1, look{true, 7})...), false},
	} {
		var p progress
		var hung bool
		for _, l := range test.looks {
			hung, _ = p.look(l.waiting, l.answered)
		}
		if hung != test.hung {
			t.Errorf("%s: hung is %t", name, hung)
		}
	}
}

// TestWaitingForATurn: a worker may have taken all requests from the kernel's
// queue before it hung.
func TestWaitingForATurn(t *testing.T) {
	shared, err := ledger.New(1)
	if err != nil {
		t.Fatal(err)
	}
	quiet, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	defer other.Close()
	h := &Holder{Device: quiet, Ledger: shared}
	if h.waiting() {
		t.Error("nobody waits")
	}
	const mark, first, requestBytes = 0, 64, 56
	binary.NativeEndian.PutUint64(shared.Lot()[mark:], 1)
	binary.NativeEndian.PutUint32(shared.Lot()[first:], requestBytes)
	if !h.waiting() {
		t.Error("a request waits for its turn, and the holder does not see it")
	}
}
