// Package latency counts durations in buckets that are 1/32 wide or narrower,
// so that millions of reads from many processes add up to exact counts and
// quantiles within 3 %.
package latency

import (
	"math/bits"
)

const (
	// subBits: durations with the same leading subBits+1 bits share a bucket.
	subBits = 5
	sub     = 1 << subBits
	buckets = (64-subBits)*sub + sub
)

// Histogram is how many durations were in each bucket. Adding to it does not
// allocate.
type Histogram struct {
	counts [buckets]uint32
	total  uint64
}

// Bucket is one that is not empty.
type Bucket struct {
	Index int    `json:"i"`
	Count uint32 `json:"n"`
}

// index is linear below 2*sub ns; beyond, it is the number of bits beyond
// subBits+1, and those leading bits.
func index(nsec uint64) int {
	shift := max(bits.Len64(nsec)-subBits-1, 0)
	return shift*sub + int(nsec>>shift)
}

// middle is the duration that stands for all in a bucket, in ns.
func middle(index int) float64 {
	shift := max(index/sub-1, 0)
	low := uint64(index-shift*sub) << shift
	return float64(low) + float64(uint64(1)<<shift-1)/2
}

// Add counts one duration.
func (h *Histogram) Add(nsec uint64) {
	h.counts[index(nsec)]++
	h.total++
}

// Reset makes h empty.
func (h *Histogram) Reset() { *h = Histogram{} }

// Total is how many durations were counted.
func (h *Histogram) Total() uint64 { return h.total }

// Buckets returns those that are not empty.
func (h *Histogram) Buckets() []Bucket {
	var full []Bucket
	for i, n := range h.counts {
		if n > 0 {
			full = append(full, Bucket{i, n})
		}
	}
	return full
}

// Merge adds another histogram's buckets. Those that no histogram has are
// ignored.
func (h *Histogram) Merge(more []Bucket) {
	for _, b := range more {
		if b.Index >= 0 && b.Index < buckets {
			h.counts[b.Index] += b.Count
			h.total += uint64(b.Count)
		}
	}
}

// Quantile is the duration in ns that the share q (0 to 1) of all does not
// exceed; 0 when there is none.
func (h *Histogram) Quantile(q float64) float64 {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total-1))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen > rank {
			return middle(i)
		}
	}
	return middle(buckets - 1)
}
