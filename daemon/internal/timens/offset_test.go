package timens

import "testing"

func TestParseOffsets(t *testing.T) {
	for text, want := range map[string]int64{
		"monotonic           0         0\nboottime            0         0\n": 0,
		"monotonic           5         0\nboottime           -2 750000000\n": -1_250_000_000,
		"boottime 864000 1\n":                 864000*1e9 + 1,
		"boottime -2305843009 0\n":            -2305843009 * 1e9,
		"boottime -1 999999999\nboottime 7 0": -1,
	} {
		if got, err := parseOffsets([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "\n", "boottime\n", "boottime 1\n", "boottime 1 2 3\n", "monotonic 1 2\n", "boottime x 0\n",
		"boottime 1 -1\n", "boottime 1 1000000000\n", "boottime 1 x\n", "boottime 99999999999999999999 0\n",
		"boottime 4611686018 0\n", "boottime -4611686018 0\n",
	} {
		if got, err := parseOffsets([]byte(text)); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestFormatOffset(t *testing.T) {
	for nsec, want := range map[int64]string{
		0:              "boottime 0 0",
		-1:             "boottime -1 999999999",
		-1_000_000_000: "boottime -1 0",
		-1_250_000_000: "boottime -2 750000000",
		2_250_000_000:  "boottime 2 250000000",
	} {
		got := formatOffset(nsec)
		if back, err := parseOffsets([]byte(got)); got != want || back != nsec || err != nil {
			t.Errorf("%d: %q, want %q; read back %d, %v", nsec, got, want, back, err)
		}
	}
}
