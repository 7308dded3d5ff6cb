package cgroup

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParseUint(t *testing.T) {
	checkParser(t, ParseUint, map[string]uint64{
		"0\n": 0, "4096\n": 4096, "7": 7, "18446744073709551615\n": math.MaxUint64,
	}, "", "\n", "-1\n", "+1\n", "1 \n", " 1\n", "1\n\n", "0x10\n", "18446744073709551616\n", "99999999999999999999999\n", "max\n", "1\x00\n")
}

func TestParseLimit(t *testing.T) {
	checkParser(t, ParseLimit, map[string]uint64{
		"max\n": Unlimited, "max": Unlimited, "0\n": 0, "268435456\n": 268435456,
		"9223372036854771712\n": Unlimited, // 4 KiB pages
		"9223372036854710272\n": Unlimited, // 64 KiB pages
		"9223372036854710271\n": 9223372036854710271,
	}, "", "maximum\n", "-1\n", "Max\n")
}

func TestParseQuota(t *testing.T) {
	checkParser(t, ParseQuota, map[string]uint64{"-1\n": 0, "50000\n": 50000}, "", "0\n", "-2\n", "max\n")
}

func TestParseKeyed(t *testing.T) {
	type pairs = map[string]uint64
	parse := func(text []byte) (pairs, error) {
		got := pairs{}
		err := ParseKeyed(text, func(key []byte, n uint64) { got[string(key)] = n })
		return got, err
	}
	checkParser(t, parse, map[string]pairs{
		"anon 1\n":                 {"anon": 1},
		"file 1\nfile_mapped 2\n":  {"file": 1, "file_mapped": 2},
		"x 18446744073709551615\n": {"x": math.MaxUint64},
	}, "", "\n", "anon\n", "anon \n", "anon 1", "anon 1\nfi", "anon -1\n", "anon  1\n", "anon 1 2\n", " 1\n", "anon 1\n\n", "anon 99999999999999999999\n")
}

func TestParsePIDs(t *testing.T) {
	parse := func(text []byte) ([]int, error) { return ParsePIDs(text, []int{42}) }
	checkParser(t, parse, map[string][]int{
		"": {42}, "1\n2\n": {42, 1, 2}, "0\n7\n0\n": {42, 7},
	}, "1", "1\n\n", "-1\n", "a\n", "2147483648\n")
}

func TestParseCPUList(t *testing.T) {
	parse := func(text []byte) ([]int, error) { return ParseCPUList(text, make([]int, 3)) }
	checkParser(t, parse, map[string][]int{
		"": {}, "\n": {}, "0\n": {0}, "0-3,7\n": {0, 1, 2, 3, 7}, "0,2-3": {0, 2, 3}, "65535\n": {65535},
	}, ",", "0,\n", "3-1\n", "1,0\n", "0-2,2\n", "1,1\n", "65536\n", "0-65536\n", "-1\n", "0-\n", "a\n", "0 1\n", "0-18446744073709551615\n")
}

func TestParseCPUMax(t *testing.T) {
	checkParser(t, ParseCPUMax, map[string]CPULimit{
		"max 100000\n":   {PeriodUsec: 100000},
		"50000 100000\n": {QuotaUsec: 50000, PeriodUsec: 100000},
	}, "", "max\n", "max 0\n", "0 100000\n", "50000\n", "50000 0\n", "-1 100000\n", "50000 100000 1\n", "max max\n")
}

func TestParseUsageAll(t *testing.T) {
	parse := func(text []byte) ([]CPUTimeOne, error) { return ParseUsageAll(text, make([]CPUTimeOne, 5)) }
	checkParser(t, parse, map[string][]CPUTimeOne{
		"cpu user system\n0 1 2\n1 3 4\n": {{1, 2}, {3, 4}},
		"cpu user system\n0 1 2\n2 3 4\n": {{1, 2}, {}, {3, 4}},
	}, "", "cpu user system\n", "0 1 2\n", "cpu user system\n0 1\n", "cpu user system\n0 1 2", "cpu user system\n1 1 2\n0 1 2\n",
		"cpu user system\n0 1 2\n0 1 2\n", "cpu user system\n65536 1 2\n", "cpu user system\n0 1 2 3\n", "cpu user system\n0 -1 2\n")
}

func TestParsePerCPU(t *testing.T) {
	parse := func(text []byte) (got []uint64, err error) {
		err = ParsePerCPU(text, func(_ int, n uint64) { got = append(got, n) })
		return got, err
	}
	checkParser(t, parse, map[string][]uint64{"1 2 \n": {1, 2}, "3\n": {3}},
		"", "\n", "1  2\n", "1 -2 \n", "a\n", strings.Repeat("1 ", maxCPUs+1))
}

func TestParseIOStat(t *testing.T) {
	parse := func(text []byte) ([]DeviceIO, error) { return ParseIOStat(text, make([]DeviceIO, 2)) }
	sda := DeviceIO{Major: 8, ReadBytes: 1, WriteBytes: 2, ReadIOs: 3, WriteIOs: 4, DiscardBytes: 5, DiscardIOs: 6}
	checkParser(t, parse, map[string][]DeviceIO{
		"": {},
		"8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n":                   {sda},
		"8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.vrate=100.00\n": {sda},
		"8:16 8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n":              {{Major: 8, Minor: 16}, sda},
		"8:0 rbytes=1\n253:7 wios=9\n":                                            {{Major: 8, ReadBytes: 1}, {Major: 253, Minor: 7, WriteIOs: 9}},
	}, "rbytes=1\n", "8:0 rbytes=\n", "8:0 rbytes=-1\n", "8: rbytes=1\n", ":0\n", "8:0 junk\n", "4294967296:0 rbytes=1\n")
}

func TestParseBlkio(t *testing.T) {
	old := DeviceIO{Major: 8, ReadBytes: 100, WriteBytes: 1, ReadIOs: 5}
	parse := func(isBytes bool) func([]byte) ([]DeviceIO, error) {
		return func(text []byte) ([]DeviceIO, error) { return ParseBlkio(text, isBytes, []DeviceIO{old}) }
	}
	merged, added := old, DeviceIO{Major: 253, Minor: 1, DiscardBytes: 3}
	merged.WriteBytes = 7
	bad := []string{"", "8:0 Read 1", "8:0 Read\n", "8:0 1\n", "Read 1\n", "8:0 Read -1\n", "8:x Read 1\n", "Total\n", "8:0 Read 1 2\n"}
	checkParser(t, parse(true), map[string][]DeviceIO{
		"Total 0\n": {old},
		"8:0 Read 90\n8:0 Write 7\n8:0 Sync 900\n8:0 Async 9\n8:0 Discard 0\n8:0 Total 97\n253:1 Discard 3\nTotal 100\n": {merged, added},
	}, bad...)
	requests := old
	requests.ReadIOs, requests.WriteIOs, requests.DiscardIOs = 6, 2, 4
	checkParser(t, parse(false), map[string][]DeviceIO{"8:0 Read 6\n8:0 Write 2\n8:0 Discard 4\n": {requests}}, bad...)
}

func TestTighten(t *testing.T) {
	none, half, third := CPULimit{}, CPULimit{QuotaUsec: 50000, PeriodUsec: 100000}, CPULimit{QuotaUsec: 1, PeriodUsec: 3}
	almostThird := CPULimit{QuotaUsec: math.MaxUint64 / 3, PeriodUsec: math.MaxUint64 - 1} // a little more than 1/3
	for _, test := range []struct{ a, b, want CPULimit }{
		{none, none, none}, {none, half, half}, {half, none, half},
		{half, third, third}, {third, half, third},
		{half, CPULimit{QuotaUsec: 1, PeriodUsec: 2}, half},
		{almostThird, third, third}, {third, almostThird, third},
		{half, CPULimit{PeriodUsec: 100000}, half},
		{CPULimit{QuotaUsec: math.MaxUint64, PeriodUsec: 1}, half, half}, // above 64 bits
	} {
		got := test.a
		if got.Tighten(test.b); got != test.want {
			t.Errorf("%v tightened by %v: got %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

func TestSaturating(t *testing.T) {
	if got := Nsec(3, 1000); got != 3000 {
		t.Errorf("Nsec(3, 1000) = %d", got)
	}
	if got := Nsec(math.MaxUint64/10, 1000); got != math.MaxUint64 {
		t.Errorf("Nsec wrapped to %d", got)
	}
	if got := Add(math.MaxUint64-1, 3); got != math.MaxUint64 {
		t.Errorf("Add wrapped to %d", got)
	}
	if got := Add(2, 3); got != 5 {
		t.Errorf("Add(2, 3) = %d", got)
	}
}

func TestErrorNamesAndQuotes(t *testing.T) {
	err := Malformed([]byte("a\n" + strings.Repeat("x", 1000)))
	if got, want := InFile("/f", err).Error(), `/f: malformed: "a\n`+strings.Repeat("x", 62)+`"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := InFile("/outer", InFile("/inner", err)).Error(); !strings.HasPrefix(got, "/inner:") {
		t.Errorf("the first file's name was lost: %s", got)
	}
	other := errors.New("other")
	if InFile("/f", other) != other || InFile("/f", nil) != nil {
		t.Error("InFile changed an error that is no *Error")
	}
}

func TestParsersDoNotAllocate(t *testing.T) {
	cpus, devices, perCPU, pids := make([]int, 0, 8), make([]DeviceIO, 0, 8), make([]CPUTimeOne, 0, 8), make([]int, 0, 8)
	keyed := []byte("anon 1\nfile 2\n") // converted in the call it would be an allocation
	var sum uint64
	got := testing.AllocsPerRun(100, func() {
		n, _ := ParseLimit([]byte("4096\n"))
		sum += n
		ParseKeyed(keyed, func(_ []byte, n uint64) { sum += n })
		ParseCPUList([]byte("0-3,7\n"), cpus)
		ParseCPUMax([]byte("50000 100000\n"))
		ParseUsageAll([]byte("cpu user system\n0 1 2\n1 3 4\n"), perCPU)
		ParsePerCPU([]byte("1 2 \n"), func(_ int, n uint64) { sum += n })
		ParseIOStat([]byte("8:0 rbytes=1 wbytes=2\n"), devices)
		ParseBlkio([]byte("8:0 Read 1\nTotal 1\n"), true, devices)
		ParsePIDs([]byte("1\n2\n"), pids)
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// checkParser compares what parse makes of good texts, and wants an *Error
// that quotes a part of each bad one.
func checkParser[T any](t *testing.T, parse func([]byte) (T, error), good map[string]T, bad ...string) {
	t.Helper()
	for text, want := range good {
		if got, err := parse([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.60q: got %v, error %v, want %v", text, got, err, want)
		}
	}
	for _, text := range bad {
		got, err := parse([]byte(text))
		var malformed *Error
		if !errors.As(err, &malformed) {
			t.Errorf("%.60q: got %v, error %v, want an *Error", text, got, err)
		} else if !strings.Contains(text, malformed.Text) || len(malformed.Text) > maxQuoteBytes {
			t.Errorf("%.60q: error quotes %q", text, malformed.Text)
		}
	}
}
