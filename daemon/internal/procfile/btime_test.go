package procfile

import "testing"

func TestBtime(t *testing.T) {
	for name, test := range map[string]struct {
		line   string
		offset int64
		want   string
	}{
		"starts later":      {"btime 1795376017\n", -20_250_000_000, "btime 1795376037\n"},
		"starts earlier":    {"btime 1795376017\n", 10e9, "btime 1795376007\n"},
		"part of a second":  {"btime 1795376017\n", 1, "btime 1795376016\n"},
		"before 1970":       {"btime 5\n", 6e9, "btime 5\n"},
		"not a number":      {"btime x\n", -1e9, "btime x\n"},
		"no number":         {"btime\n", -1e9, "btime\n"},
		"an absurd one":     {"btime 18446744073709551615\n", -1e9, "btime 18446744073709551615\n"},
		"the most there is": {"btime 4294967296\n", -2305843009 * 1e9, "btime 6600810305\n"},
	} {
		_, value := cutField([]byte(test.line))
		if got := string(appendBtime(nil, []byte(test.line), value, test.offset)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
