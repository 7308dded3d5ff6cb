package metrics

import "testing"

func TestReattached(t *testing.T) {
	m := New()
	replaced, failed := uint64(12), uint64(1)
	m.Reattached(func() uint64 { return replaced }, func() uint64 { return failed })
	replaced += 3
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "podview_reattached_total" {
			for _, metric := range family.GetMetric() {
				got[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	if got["replaced"] != 15 || got["failed"] != 1 || len(got) != 2 {
		t.Errorf("%v", got)
	}
}
