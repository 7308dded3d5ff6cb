package procfile

import "testing"

func TestFindLine(t *testing.T) {
	const text = "MemTotalX: 1\n MemTotal: 2\nXMemTotal: 3\nMemTotal 4\nMemTotal: 5 kB\nMemTotal: 6\nLast: 7"
	for name, want := range map[string]string{
		"MemTotal": "MemTotal: 5 kB\n", "MemTotalX": "MemTotalX: 1\n", "XMemTotal": "XMemTotal: 3\n", "Last": "Last: 7",
		"Mem": "", "Las": "", "None": "",
	} {
		if got, ok := findLine([]byte(text), name); string(got) != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t, want %q", name, got, ok, want)
		}
	}
	if got, ok := findLine(nil, "MemTotal"); ok {
		t.Errorf("in nothing: got %q", got)
	}
}

func TestAppendPadded(t *testing.T) {
	for _, test := range []struct {
		n     uint64
		width int
		want  string
	}{{7, 3, "x  7"}, {1234, 3, "x1234"}, {0, 1, "x0"}, {0, -1, "x0"}, {1<<64 - 1, 22, "x  18446744073709551615"}} {
		if got := appendPadded([]byte("x"), test.n, test.width); string(got) != test.want {
			t.Errorf("%d in %d: got %q, want %q", test.n, test.width, got, test.want)
		}
	}
	if got := appendPadded(nil, 5, 100); len(got) != 100 || got[99] != '5' || got[0] != ' ' {
		t.Errorf("in 100: got %q", got)
	}
}
