package view

import (
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// twoNodes is 16 CPUs as Linux numbers two nodes of four cores of two threads:
// cores 0 to 3 and 4 to 7, their second threads from 8 on.
func twoNodes() *Order {
	var cpus []CPUTopology
	for n := range 16 {
		cpus = append(cpus, CPUTopology{Number: n, Package: n % 8 / 4, Node: n % 8 / 4, Core: n % 8})
	}
	return NewOrder(cpus)
}

func upTo(n int) []int {
	cpus := make([]int, n)
	for i := range cpus {
		cpus[i] = i
	}
	return cpus
}

func TestChosenAreNeighbours(t *testing.T) {
	o := twoNodes()
	for container := range uint64(100) {
		two := o.Choose(container, upTo(16), 2, nil)
		if two[0]+8 != two[1] {
			t.Errorf("container %d: %v is no core", container, two)
		}
		for n := 3; n <= 8; n++ {
			for _, cpu := range o.Choose(container, upTo(16), n, nil) {
				if cpu%8/4 != two[0]%8/4 {
					t.Errorf("container %d: CPU %d of %d is on another node than %v", container, cpu, n, two)
				}
			}
		}
	}
}

func TestMoreAreTheSameAndSome(t *testing.T) {
	o := twoNodes()
	allowed := []int{1, 2, 3, 6, 7, 9, 12, 15}
	for container := range uint64(100) {
		var fewer []int
		for n := 1; n < len(allowed); n++ {
			chosen := o.Choose(container, allowed, n, nil)
			if len(chosen) != n || !slices.IsSorted(chosen) {
				t.Fatalf("container %d: %v are not %d CPUs", container, chosen, n)
			}
			for _, cpu := range fewer {
				if !slices.Contains(chosen, cpu) {
					t.Errorf("container %d: %v without CPU %d, which %v had", container, chosen, cpu, fewer)
				}
			}
			for _, cpu := range chosen {
				if !slices.Contains(allowed, cpu) {
					t.Errorf("container %d: CPU %d of %v is not allowed", container, cpu, chosen)
				}
			}
			fewer = chosen
		}
	}
}

// TestEachCPUIsShownAsOften: over many containers, also where the cpuset has
// gaps; ids as the kernel gives them follow each other.
func TestEachCPUIsShownAsOften(t *testing.T) {
	for _, allowed := range [][]int{{0, 1}, {0, 15}, {4, 5, 6, 7, 12, 13, 14, 15}, upTo(16)} {
		for n := 1; n < min(len(allowed), 4); n++ {
			shown := map[int]int{}
			const containers = 4000
			for id := range uint64(containers) {
				for _, cpu := range twoNodes().Choose(1000+27*id, allowed, n, nil) {
					shown[cpu]++
				}
			}
			mean := float64(containers*n) / float64(len(allowed))
			for _, cpu := range allowed {
				if got := float64(shown[cpu]); got < 0.8*mean || got > 1.2*mean {
					t.Errorf("%d of %v: CPU %d is shown to %.0f containers, %.0f on average", n, allowed, cpu, got, mean)
				}
			}
		}
	}
}

// TestACPUSetThatChanges moves only those that had what it lost.
func TestACPUSetThatChanges(t *testing.T) {
	o := twoNodes()
	for id := range uint64(200) {
		before := o.Choose(id, upTo(16), 1, nil)
		after := o.Choose(id, upTo(15), 1, nil)
		if before[0] != 15 && before[0] != after[0] {
			t.Errorf("container %d moved from CPU %d to %d, which was free all the time", id, before[0], after[0])
		}
	}
}

func TestWithoutTopologyTheLowest(t *testing.T) {
	var none *Order
	if got := none.Choose(5, []int{3, 4, 9}, 2, nil); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("got %v", got)
	}
	partial := NewOrder([]CPUTopology{{Number: 3}})
	if got := partial.Choose(5, []int{3, 4, 9}, 2, nil); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("of a topology without two of the CPUs: got %v", got)
	}
}

func TestChoiceIsOnlyForQuotas(t *testing.T) {
	limit := cgroup.CPULimit{QuotaUsec: 2, PeriodUsec: 1}
	choice := Choice{ByQuota: true, Order: twoNodes(), Container: 3, Room: make([]int, 16)}
	c := NewCPUs(limit, []int{2, 5}, upTo(16), choice)
	if !slices.Equal(c.Shown, []int{2, 5}) || c.All {
		t.Errorf("all of a cpuset: %+v", c)
	}
	c = NewCPUs(limit, nil, upTo(16), choice)
	if want := choice.Order.Choose(3, upTo(16), 2, nil); !slices.Equal(c.Shown, want) || c.Whole || c.CapacityNsecPerSec != 2e9 {
		t.Errorf("got %+v, want %v", c, want)
	}
}

func FuzzChoose(f *testing.F) {
	f.Add(uint64(1), uint16(0xff), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, container uint64, mask uint16, n, known uint8) {
		var allowed []int
		for cpu := range 16 {
			if mask>>cpu&1 == 1 {
				allowed = append(allowed, cpu)
			}
		}
		if len(allowed) < 2 {
			return
		}
		want := 1 + int(n)%(len(allowed)-1)
		var cpus []CPUTopology
		for i := range int(known) % 17 {
			cpus = append(cpus, CPUTopology{Number: i, Node: int(container>>(i%8)) % 3, Core: i * int(n) % 5})
		}
		got := NewOrder(cpus).Choose(container, allowed, want, nil)
		if len(got) != want || !slices.IsSorted(got) || len(slices.Compact(got)) != want {
			t.Errorf("%d of %v: %v", want, allowed, got)
		}
	})
}
