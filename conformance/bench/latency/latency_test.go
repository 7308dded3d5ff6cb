package latency

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBucketsAreNarrowAndInOrder(t *testing.T) {
	last := -1
	for _, nsec := range []uint64{0, 1, 31, 32, 63, 64, 65, 66, 127, 128, 1000, 1e6, 1e9, math.MaxUint64} {
		i := index(nsec)
		if i < last || i >= buckets {
			t.Errorf("%d ns: bucket %d after %d, of %d", nsec, i, last, buckets)
		}
		last = i
		if off := math.Abs(middle(i) - float64(nsec)); off > float64(nsec)/32 {
			t.Errorf("%d ns: bucket %d stands for %.1f ns", nsec, i, middle(i))
		}
	}
	for i := 1; i < buckets; i++ {
		if middle(i) <= middle(i-1) {
			t.Fatalf("bucket %d stands for %.1f ns, the one before for %.1f", i, middle(i), middle(i-1))
		}
	}
}

func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var parts [3]Histogram
	var all []float64
	for range 30_000 {
		nsec := uint64(math.Exp(random.NormFloat64()) * 50_000)
		parts[random.IntN(3)].Add(nsec)
		all = append(all, float64(nsec))
	}
	var h Histogram
	for _, p := range parts {
		h.Merge(p.Buckets())
	}
	if h.Total() != 30_000 {
		t.Fatalf("%d durations, want 30000", h.Total())
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
		want := all[int(q*29_999)]
		if got := h.Quantile(q); math.Abs(got-want) > want*0.03 {
			t.Errorf("quantile %g: %.0f ns, want %.0f", q, got, want)
		}
	}
	if h.Reset(); h.Quantile(0.5) != 0 || h.Total() != 0 {
		t.Error("not empty after Reset")
	}
	h.Merge([]Bucket{{-1, 5}, {buckets, 5}})
	if h.Total() != 0 {
		t.Error("buckets that do not exist were counted")
	}
}
